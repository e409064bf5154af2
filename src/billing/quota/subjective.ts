/**
 * Opinions of a result, in free words. A caller that gives no fault of the system but says that the
 * user is unhappy must hear that this is never a reason, and not merely that a field is missing.
 * Words in which faults are told ("quality check timed out", "评价服务超时") must not be taken for one.
 */

const SUBJECT = "quality|results?|outcome|picture|image|photo|video|looks?|effect|style|colou?rs?";
const BAD = "bad|poor|terrible|awful|horrible|ugly|low|disappointing|not (good|ok|nice)";
const PERSON = "user|customer|client|buyer|seller|shop|he|she|they";
/** What makes a part of the machine of a word of opinion: a "review service" is no review. */
const NO_MACHINE = "(?! (check|step|model|service|server|worker|queue|job|api))";

const OPINIONS = [
  // What is said of a person, or by one.
  /\b(dis|un|not |in)(satisf\w*|happy|pleased)\b/,
  /\b(dislike[sd]?|hate[sd]?|disappoint\w*|regret(s|ted)?)\b/,
  /\b(do|does|did) ?(n['’]?t|not) (really )?(like|love|want|enjoy)\b/,
  /\bnot (liked?|pretty|nice|beautiful|as expected)\b|\bnot (to )?\w+ taste\b/,
  new RegExp(`\\b(${PERSON}) (has |have )?complain(s|ed|ing)?\\b|\\bcomplaints?\\b`),
  new RegExp(`\\b(${PERSON}) (ask|want|demand)(s|ed)? (for )?(a |the )?refund`),
  /\bchange[ds]? (of |my |his |her |their |the )?minds?\b/,
  /\bgoodwill\b|\b(customer|user)( s|'s|s)? (wish|request)$/,
  // What is said of the result.
  /\b(bad|poor|negative|low|one|1|two|2) (stars?|ratings?|feedback|reviews)\b/,
  new RegExp(`\\b(bad|poor|negative|low) (review|score)\\b${NO_MACHINE}`),
  new RegExp(`\\b(bad|poor|low|awful) (quality|results?|looks?|taste|style)\\b${NO_MACHINE}`),
  new RegExp(`\\b(${SUBJECT}) (is|are|was|were|seems?|looks?) (so |too |very )?(${BAD})\\b`),
  /\b(ugly|tasteless|subjective|matter of taste)\b/,
  // The same in Chinese.
  /差评|[一1]星|(评价|评分)(很|太|较|比较|非常){0,2}(低|差|不好|不高)/,
  /不(太|是很|怎么|够|大|很)?(满意|喜欢|好看|美观|漂亮|理想|合心意)|不满(?!足)/,
  /难看|丑|失望|后悔|反悔|主观|投诉|(没|没有|未)达到预期|不(符合|如)(预期|期望|想象)/,
  /(效果|质量|画质|成品|结果|风格|画面)(实在|真的|很|太|比较|非常|有点|也){0,3}(不好|不行|差|一般|不佳|糟)/,
  /(用户|客户|顾客|买家|会员)(想|要求|要|申请)退|不想要/,
];

/** True when the words are an opinion of the result. It is not asked where a fault is given. */
export function isSubjective(words: string): boolean {
  const folded = fold(words);
  return OPINIONS.some((opinion) => opinion.test(folded));
}

/** `USER_DISSATISFIED` and `userDissatisfied` say what "user dissatisfied" says. */
function fold(words: string): string {
  return words
    .normalize("NFKC")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .replaceAll(/[\s_\-./:]+/g, " ")
    .trim();
}
