/** Strict reading of JSON bodies: every field has a rule, and a field without one is refused. */
import { paramError } from "./refusal.ts";

/** A checked body. Numbers are bigint: WeChat Pay knows integers only. */
export type Fields = { readonly [field: string]: unknown };

/** Throws PARAM_ERROR when the value breaks the rule. */
export type Rule = (value: unknown, path: string) => void;

interface Field {
  readonly required: boolean;
  readonly rule: Rule;
}

export function required(rule: Rule): Field {
  return { required: true, rule };
}

export function optional(rule: Rule): Field {
  return { required: false, rule };
}

/** A JSON number that isn't written as an integer, such as 1.0 or 1e2. */
class NotInteger {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** @throws ApiError PARAM_ERROR when the bytes are no JSON object or break a rule */
export function readBody(body: Buffer, fields: Readonly<Record<string, Field>>): Fields {
  let value: unknown;
  try {
    // The third argument is the text of the value as it was sent.
    const revive = (_: string, item: unknown, ...rest: unknown[]): unknown => {
      if (typeof item !== "number") return item;
      const { source } = rest[0] as { source: string };
      return /^-?(0|[1-9]\d*)$/.test(source) ? BigInt(source) : new NotInteger(source);
    };
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body), revive);
  } catch {
    throw paramError("", "", "不是合法的JSON");
  }
  object(fields)(value, "");
  return value as Fields;
}

export function object(fields: Readonly<Record<string, Field>>): Rule {
  return (value, path) => {
    if (
      value === null ||
      typeof value !== "object" ||
      Array.isArray(value) ||
      value instanceof NotInteger
    ) {
      throw paramError(path, value, "应为对象");
    }
    for (const [name, item] of Object.entries(value)) {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (field === undefined) throw paramError(`${path}/${name}`, "", "参数中含有非法的额外参数");
      field.rule(item, `${path}/${name}`);
    }
    for (const [name, field] of Object.entries(fields)) {
      if (field.required && !Object.hasOwn(value, name)) {
        throw paramError(`${path}/${name}`, "", "此字段为必填项");
      }
    }
  };
}

/** Characters are counted as code points. */
export function text(max: number, pattern?: RegExp, issue = "格式错误"): Rule {
  return (value, path) => {
    if (typeof value !== "string") throw paramError(path, value, "应为字符串");
    const length = Array.from(value).length;
    if (length === 0) throw paramError(path, value, "不能为空");
    if (length > max) throw paramError(path, value, `长度超过${max}`);
    if (pattern !== undefined && !pattern.test(value)) throw paramError(path, value, issue);
  };
}

/** The empty text too. */
export function textOrEmpty(max: number): Rule {
  const rule = text(max);
  return (value, path) => {
    if (value !== "") rule(value, path);
  };
}

export function oneOf(...values: readonly string[]): Rule {
  return (value, path) => {
    if (typeof value !== "string" || !values.includes(value)) {
      throw paramError(path, value, `应为${values.join("、")}之一`);
    }
  };
}

/** The largest amount, a billion yuan in fen: far above the limits of any bank. */
const AMOUNT_MAX = 100_000_000_000n;

export function integer(min: bigint, max = AMOUNT_MAX): Rule {
  return (value, path) => {
    const told = value instanceof NotInteger ? value.source : value;
    if (typeof value !== "bigint") throw paramError(path, told, "应为整数");
    if (value < min) throw paramError(path, value, `不能小于${min}`);
    if (value > max) throw paramError(path, value, `不能大于${max}`);
  };
}

export function flag(): Rule {
  return (value, path) => {
    if (typeof value !== "boolean") throw paramError(path, value, "应为布尔值");
  };
}

export function list(rule: Rule, max: number): Rule {
  return (value, path) => {
    if (!Array.isArray(value)) throw paramError(path, value, "应为数组");
    if (value.length === 0 || value.length > max)
      throw paramError(path, String(value.length), `个数应为1至${max}`);
    value.forEach((item, at) => rule(item, `${path}/${at}`));
  };
}

/** Plain http is for addresses that the internet doesn't reach. */
const PRIVATE_HOST =
  /^([^.:]+|\[::1\]|(127|10)(\.\d+){3}|192\.168(\.\d+){2}|172\.(1[6-9]|2\d|3[01])(\.\d+){2})$/;

/** An absolute address with a path and without a query. */
export function notifyUrl(max: number): Rule {
  const lengthRule = text(max);
  return (value, path) => {
    lengthRule(value, path);
    const address = String(value);
    if (!/^https?:\/\/[^/?#\s]+\/[^?#\s]*$/.test(address) || !URL.canParse(address)) {
      throw paramError(path, value, "应为不携带参数的绝对地址");
    }
    const { protocol, hostname } = new URL(address);
    const isPrivate = PRIVATE_HOST.test(hostname);
    if (protocol === "http:" && !isPrivate) throw paramError(path, value, "公网地址应为https");
  };
}
