/**
 * Opinions of a result, in free words. A caller that gives no fault of the system but says that the
 * user is unhappy must hear that this is never a reason, and not merely that a field is missing.
 */

const OPINIONS = [
  /\b(bad|poor|negative|low|one|1)[\s_-]*(star|review|rating|score|feedback)/,
  /\b(dis|un)[\s_-]*(satisf|happy|like)/,
  /\bnot[\s_-]+(satisf|happy|good|like|pretty|nice)/,
  /\b(do|does|did)(n['’]?t|[\s_-]+not)[\s_-]+(like|love|want|enjoy)/,
  /\b(ugly|disappoint\w*|complain\w*|quality|taste|preference|subjective)\b/,
  /\bcustomer[\s_-]*(request|wish|goodwill)|\bgoodwill\b|\bchanged?[\s_-]+(of[\s_-]+)?mind\b/,
  /差评|不满意|不喜欢|不好看|难看|太丑|效果(不好|差|一般)|质量(不好|差|一般)|投诉|后悔|不想要|主观|评价/,
];

/** True when the words are an opinion of the result. It is not asked where a fault is given. */
export function isSubjective(words: string): boolean {
  const folded = words.normalize("NFKC").toLowerCase();
  return OPINIONS.some((opinion) => opinion.test(folded));
}
