/** What sections, figures, tables and columns are called, in both languages. */
import type { Period } from "../billing/report/document.ts";

export type Language = "en" | "zh";

type Words = Readonly<Record<Language, string>>;

const w = (en: string, zh: string): Words => ({ en, zh });

const WORDS: Readonly<Record<string, Words>> = {
  orders: w("Orders", "订单"),
  revenue: w("Revenue", "收入"),
  quota: w("Quota", "额度"),
  members: w("Members", "会员"),
  costs: w("Costs", "成本"),
  margin: w("Margin", "毛利"),
  health: w("Health", "健康状况"),
  series: w("Course", "走势"),
  cohorts: w("Cohorts", "会员分组"),

  "orders.created": w("Orders placed", "新建订单"),
  "orders.paid": w("Orders paid", "已支付订单"),
  "orders.closed": w("Orders closed unpaid", "未支付关闭"),
  "orders.refunds": w("Refunds paid", "已退款笔数"),
  "revenue.sales": w("Sales", "销售额"),
  "revenue.refunded": w("Refunded", "退款额"),
  "revenue.net": w("Net sales", "净销售额"),
  "revenue.vat": w("VAT in net sales", "净销售额含增值税"),
  "revenue.unowed_received": w("Received for nothing", "无对应商品的收款"),
  "revenue.unowed_returned": w("Of it returned", "其中已退回"),
  "revenue.recognised": w("Recognised revenue", "已确认收入"),
  "revenue.recognised_vat": w("VAT in recognised revenue", "已确认收入含增值税"),
  "revenue.deferred": w("Deferred revenue", "递延收入余额"),
  "quota.granted": w("Granted", "发放"),
  "quota.reserved": w("Reserved", "预留"),
  "quota.used": w("Used", "使用"),
  "quota.returned": w("Returned unused", "未用退回"),
  "quota.refunded": w("Refunded for failed tasks", "任务失败退还"),
  "quota.refunded_after_use": w("Of it used before", "其中使用后退还"),
  "quota.lapsed": w("Lapsed", "过期"),
  "quota.revoked": w("Taken back", "收回"),
  "quota.liability": w("Outstanding quota", "未使用额度余额"),
  "members.registered": w("Registered", "新注册"),
  "members.activated": w("Activated", "新开通"),
  "members.renewed": w("Renewed", "续费"),
  "members.lapsed": w("Lapsed", "到期"),
  "members.trial": w("On trial at the end", "期末试用会员"),
  "members.active": w("Paying at the end", "期末付费会员"),
  "costs.vendors": w("Vendors", "供应商成本"),
  "costs.payment_fees": w("Payment fees", "支付手续费"),
  "costs.bills_missing": w("Days without a bill", "缺少账单的天数"),
  "costs.total": w("All costs", "成本合计"),
  "margin.earned": w("Earned without VAT", "不含税已确认收入"),
  "margin.gross": w("Gross margin", "毛利"),
  "margin.gross_share": w("Gross margin, share", "毛利率"),

  "health.alerts_critical": w("Critical alerts open", "未解除的严重告警"),
  "health.alerts_warning": w("Warnings open", "未解除的警告"),
  "health.discrepancies": w("Differences with bills", "未清的对账差异"),
  "health.ledger_breaks": w("Rows that break the books", "账本不平的行数"),
  "health.dead_messages": w("Messages given up", "投递失败的消息"),
  "health.overdue_holds": w("Holds overdue", "逾期未归还的预占"),

  "revenue.products": w("Products", "商品"),
  "costs.services": w("Vendors' services", "供应商服务"),
  "margin.features": w("Features", "功能"),
  "margin.plans": w("Plans", "套餐"),
  "series.days": w("Day by day", "逐日"),
  "series.months": w("Month by month", "逐月"),
  "cohorts.months": w("By month of the first payment", "按首次付费月份"),

  active: w("Paying members", "付费会员"),
  cost_fen: w("Costs", "成本"),
  cost_micro_yuan: w("Cost", "成本"),
  // Of how many, in tables of costs.
  day: w("Day", "日期"),
  earned_fen: w("Earned", "分摊收入"),
  feature_id: w("Feature", "功能"),
  gross_fen: w("Gross margin", "毛利"),
  month: w("Month", "月份"),
  plan_id: w("Plan", "套餐"),
  product: w("Product", "商品"),
  recognised_fen: w("Recognised", "已确认收入"),
  refunded: w("Refunded", "退还"),
  refunded_fen: w("Refunded", "退款额"),
  reservations: w("Tasks", "任务数"),
  sales_fen: w("Sales", "销售额"),
  service: w("Service", "服务"),
  used: w("Used", "使用"),
  vendor: w("Vendor", "供应商"),
};

/** Columns that bear the name of a section, and mean something else. */
const COLUMNS: Readonly<Record<string, Words>> = {
  costs: w("Entries", "笔数"),
  members: w("Members", "人数"),
  orders: w("Orders", "订单数"),
};

/** @throws Error (a bug) when nobody has named it */
export function nameOf(id: string, language: Language): string {
  return wordsOf(WORDS, id)[language];
}

/** The name of a table's column. */
export function columnName(id: string, language: Language): string {
  return wordsOf({ ...WORDS, ...COLUMNS }, id)[language];
}

function wordsOf(words: Readonly<Record<string, Words>>, id: string): Words {
  const found = words[id];
  if (found === undefined) throw new Error(`nobody has named ${id}`);
  return found;
}

const PERIODS: Readonly<Record<Period, Words>> = {
  DAILY: w("Daily report", "日报"),
  WEEKLY: w("Weekly report", "周报"),
  MONTHLY: w("Monthly report", "月报"),
  YEARLY: w("Yearly report", "年报"),
};

export function periodName(period: Period, language: Language): string {
  return PERIODS[period][language];
}

/** What stands around figures. */
export const PHRASES = {
  title: w("Billing report", "计费报表"),
  section: w("Section", "部分"),
  item: w("Item", "项目"),
  unit: w("Unit", "单位"),
  value: w("Value", "数值"),
  report: w("Report", "报表编号"),
  version: w("Version", "版本"),
  replaces: w("Replaces", "替代"),
  made: w("Made", "生成时间"),
  content: w("SHA-256 of the content", "内容 SHA-256"),
  yuan: w("yuan", "元"),
  count: w("count", "个"),
  quota: w("quota", "额度"),
  percent: w("%", "%"),
  unknown: w("not known", "未知"),
  nothing: w("none", "无"),
  unnamed: w("(without)", "（无归属）"),
  timeZone: w("Days and months are those of Asia/Shanghai.", "日期与月份均为北京时间。"),
} as const satisfies Readonly<Record<string, Words>>;
