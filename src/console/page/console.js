/** The finance console's page. It shows what the server says, as text and never as markup, and asks again every half minute. */
const REFRESH_MS = 30_000;
const CARDS = [
  "revenue.sales",
  "revenue.refunded",
  "revenue.recognised",
  "costs.total",
  "margin.gross",
  "quota.used",
  "quota.liability",
  "members.active",
];
const WORDS = {
  en: {
    token: "Access token",
    login: "Log in",
    logout: "Log out",
    other: "中文",
    today: "Today",
    course: "Last weeks",
    alerts: "Alerts",
    discrepancies: "Reconciliation",
    reports: "Reports",
    all: "All figures",
    yesterday: "yesterday",
    none: "Nothing.",
    unknown: "not known",
    wrong: "This token isn't known, or may not look.",
    often: "Too many wrong tokens: wait a minute.",
    away: "The server can't be asked just now; it's tried again.",
    item: "Item",
    value: "Value",
    features: "Features",
    services: "Vendors' services",
    rule: "Rule",
    subject: "Subject",
    period: "Period",
    severity: "Severity",
    state: "State",
    seen: "Last seen",
    date: "Date",
    kind: "Kind",
    order: "Order or service",
    here: "Here",
    there: "Bill",
    report: "Report",
    version: "Version",
    made: "Made",
    open: "Open",
    money: "Sales, earned revenue, costs and margin of the last weeks",
    use: "Quota used in the last weeks",
    unnamed: "(without)",
  },
  zh: {
    token: "访问令牌",
    login: "登录",
    logout: "退出",
    other: "English",
    today: "今日",
    course: "近期走势",
    alerts: "告警",
    discrepancies: "对账差异",
    reports: "报表",
    all: "全部指标",
    yesterday: "昨日",
    none: "暂无。",
    unknown: "未知",
    wrong: "令牌无效，或无权查看。",
    often: "错误次数过多，请一分钟后再试。",
    away: "暂时无法连接服务器，将自动重试。",
    item: "项目",
    value: "数值",
    features: "功能",
    services: "供应商服务",
    rule: "规则",
    subject: "对象",
    period: "期间",
    severity: "级别",
    state: "状态",
    seen: "最近发现",
    date: "日期",
    kind: "类型",
    order: "订单或服务",
    here: "本方金额",
    there: "账单金额",
    report: "报表",
    version: "版本",
    made: "生成时间",
    open: "查看",
    money: "近期销售额、已确认收入、成本与毛利",
    use: "近期额度使用",
    unnamed: "（无归属）",
  },
};

const $ = (id) => document.getElementById(id);
let language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let timer;
const charts = new Map();
const word = (name) => WORDS[language][name];

/** An element with text in it; text never becomes markup. */
function make(name, { text, kind, attributes = {} } = {}, ...children) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

async function ask(path) {
  const mark = path.includes("?") ? "&" : "?";
  const answer = await fetch(`api/${path}${mark}lang=${language}`, { credentials: "same-origin" });
  if (answer.status === 401) {
    showLogin();
    throw new Error("log in first");
  }
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

function tableOf(columns, rows, caption) {
  if (rows.length === 0) {
    const nothing = make("p", { text: word("none"), kind: "empty" });
    return caption ? make("div", {}, make("strong", { text: caption }), nothing) : nothing;
  }
  const heads = columns.map(({ name, unit, isText }) =>
    make("th", { text: unit ? `${name} (${unit})` : name, kind: isText ? "" : "number", attributes: { scope: "col" } }),
  );
  const body = rows.map((row) =>
    make(
      "tr",
      {},
      ...row.map((cell, at) => {
        if (cell instanceof Node) return make("td", {}, cell);
        const shown = cell === null ? word("unknown") : cell === "" ? word("unnamed") : String(cell);
        const kinds = [
          columns[at].isText ? "" : "number",
          shown.startsWith("−") ? "minus" : "",
          columns[at].kind ? shown : "",
        ];
        return make("td", { text: shown, kind: kinds.join(" ").trim() });
      }),
    ),
  );
  const head = make("thead", {}, make("tr", {}, ...heads));
  return make("table", {}, ...(caption ? [make("caption", { text: caption })] : []), head, make("tbody", {}, ...body));
}

const texts = (...names) => names.map((name) => ({ name: word(name), isText: true }));
const timeText = (ms) =>
  new Date(ms).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai" });

function showFigures(figures) {
  const shown = (value) => (value === null ? word("unknown") : value);
  $("cards").replaceChildren(
    ...CARDS.map((id) => figures.find((figure) => figure.id === id))
      .filter(Boolean)
      .map((figure) =>
        make(
          "li",
          { attributes: { "data-figure": figure.id } },
          make("span", { text: `${figure.name} (${figure.unit})`, kind: "name" }),
          make("span", { text: shown(figure.value), kind: `value${figure.isNegative ? " minus" : ""}` }),
          make("span", { text: `${word("yesterday")}: ${figure.before ?? word("unknown")}`, kind: "before" }),
        ),
      ),
  );
  const columns = [...texts("item"), { name: word("value") }, { name: word("yesterday") }, { name: "", isText: true }];
  $("figures").replaceChildren(
    tableOf(
      columns,
      figures.map(({ name, value, before, unit }) => [name, value, before, unit]),
    ),
  );
}

async function showToday() {
  const { date, timeMs, figures, features, services } = await ask("today");
  $("today-date").textContent = `${date} · ${timeText(timeMs)}`;
  showFigures(figures);
  $("features").replaceChildren(tableOf(features.columns, features.rows, word("features")));
  $("services").replaceChildren(tableOf(services.columns, services.rows, word("services")));
}

function draw(id, days, series, styles) {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  charts.get(id)?.dispose();
  const chart = echarts.init($(id), isDark ? "dark" : null, { renderer: "svg" });
  charts.set(id, chart);
  $(id).setAttribute("aria-label", word(id));
  chart.setOption({
    backgroundColor: "transparent",
    animation: false,
    color: ["#2f6fde", "#e07b39", "#3a9a6b", "#a05cc0"],
    legend: { top: 0 },
    grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true },
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      formatter: (points) =>
        [
          points[0].name,
          ...points.map(
            (point) =>
              `${point.seriesName}: ${series[point.seriesIndex].shown[point.dataIndex]} ${series[point.seriesIndex].unit}`,
          ),
        ].join("\n"),
    },
    xAxis: { type: "category", data: days },
    yAxis: { type: "value" },
    series: series.map(({ name, values }, at) => ({
      name,
      type: styles[at],
      data: values,
      symbol: "none",
      barMaxWidth: 40,
    })),
  });
}

async function showCourse() {
  const { days, series } = await ask("course");
  const of = (...ids) => ids.map((id) => series.find((one) => one.id === id));
  draw("money", days, of("revenue.sales", "revenue.recognised", "costs.total", "margin.gross"), [
    "bar",
    "line",
    "line",
    "line",
  ]);
  draw("use", days, of("quota.used"), ["bar"]);
}

async function showAlerts() {
  const { alerts } = await ask("alerts");
  const columns = [
    ...texts("rule", "subject", "period"),
    { name: word("severity"), isText: true, kind: true },
    ...texts("state", "seen"),
  ];
  $("alert-rows").replaceChildren(
    tableOf(
      columns,
      alerts.map(({ ruleId, title, subject, period, severity, state, seenTimeMs }) => [
        `${ruleId} ${title}`,
        subject,
        period,
        severity,
        state,
        timeText(seenTimeMs),
      ]),
    ),
  );
}

async function showDiscrepancies() {
  const { discrepancies } = await ask("discrepancies");
  const columns = [...texts("date", "kind", "order", "state"), { name: word("here") }, { name: word("there") }];
  $("discrepancy-rows").replaceChildren(
    tableOf(
      columns,
      discrepancies.map(({ billDate, kind, about, state, here, there }) => [
        billDate,
        kind,
        about,
        state,
        here ?? "–",
        there ?? "–",
      ]),
    ),
  );
}

async function showReports() {
  const { reports } = await ask("reports");
  const columns = [...texts("report"), { name: word("version") }, ...texts("made", "open")];
  $("report-rows").replaceChildren(
    tableOf(
      columns,
      reports.map(({ reportId, name, version, createTimeMs }) => {
        const button = make("button", { text: word("open"), attributes: { type: "button", "data-report": reportId } });
        button.addEventListener("click", () => attempt(() => showReport(reportId)));
        return [name, version, timeText(createTimeMs), button];
      }),
    ),
  );
}

async function showReport(reportId) {
  const report = await ask(`reports/${reportId}`);
  const files = ["CSV", "XLSX", "HTML"].map((format) =>
    make("a", {
      text: format,
      attributes: { href: `api/reports/${reportId}/file?format=${format}&lang=${language}`, download: "" },
    }),
  );
  const sections = report.sections.flatMap(({ name, figures, tables }) => [
    make("h4", { text: name }),
    ...(figures.length === 0
      ? []
      : [
          make(
            "div",
            { kind: "wide" },
            tableOf(
              [...texts("item"), { name: word("value") }, { name: "", isText: true }],
              figures.map((figure) => [figure.name, figure.value, figure.unit]),
            ),
          ),
        ]),
    ...tables.map((table) => make("div", { kind: "wide" }, tableOf(table.columns, table.rows, table.name))),
  ]);
  const { name, version, contentSha256 } = report;
  $("report").replaceChildren(
    make("h3", { text: `${name} · ${word("version")} ${version}` }),
    make("small", { text: `${reportId} · SHA-256 ${contentSha256}` }),
    make("div", { kind: "files" }, ...files),
    ...sections,
  );
  $("report").hidden = false;
  $("report").focus();
}

async function attempt(work) {
  try {
    await work();
    $("fault").hidden = true;
  } catch {
    $("fault").textContent = word("away");
    $("fault").hidden = false;
  }
}

function showWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = word(element.dataset.words);
  $("language").textContent = word("other");
}

function showLogin() {
  clearInterval(timer);
  $("console").hidden = true;
  $("login").hidden = false;
  $("token").focus();
}

async function showAll() {
  $("login").hidden = true;
  $("console").hidden = false;
  $("report").hidden = true;
  for (const show of [showToday, showCourse, showAlerts, showDiscrepancies, showReports]) await attempt(show);
}

async function begin() {
  showWords();
  const known = await fetch("api/reports", { credentials: "same-origin" }).catch(() => undefined);
  if (known?.status === 401) return showLogin();
  await showAll();
  clearInterval(timer);
  timer = setInterval(
    () =>
      attempt(async () => {
        await showToday();
        await showAlerts();
      }),
    REFRESH_MS,
  );
}

async function logIn() {
  const body = JSON.stringify({ token: $("token").value });
  const headers = { "content-type": "application/json" };
  const answer = await fetch("login", { method: "POST", headers, body }).catch(() => undefined);
  $("token").value = "";
  if (answer?.ok) {
    $("login-error").textContent = "";
    return begin();
  }
  $("login-error").textContent = word(answer === undefined ? "away" : answer.status === 429 ? "often" : "wrong");
}
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  void logIn();
});
$("logout").addEventListener("click", () => {
  void fetch("logout", { method: "POST" })
    .catch(() => undefined)
    .then(showLogin);
});
$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
  showWords();
  void showAll();
});
addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
void begin();
