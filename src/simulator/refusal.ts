/** What WeChat Pay answers when it says no. */

export interface ErrorDetail {
  readonly field?: string;
  readonly value?: string;
  readonly issue?: string;
  readonly location?: string;
  readonly sign_information?: Readonly<Record<string, string | number>>;
  readonly detail?: { readonly issue: string };
}

/** An answer with status 4xx or 5xx and a body of `code`, `message` and perhaps `detail`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: ErrorDetail | undefined;
  /** The internal number that ends the header Request-ID. */
  readonly number: number;

  constructor(status: number, code: string, message: string, detail?: ErrorDetail, number = 268_435_457) {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.number = number;
  }

  body(): Buffer {
    const { code, message, detail } = this;
    return Buffer.from(
      JSON.stringify(detail === undefined ? { code, message } : { code, detail, message }),
    );
  }
}

export function paramError(field: string, value: unknown, issue: string, location = "body"): ApiError {
  const isPlain = typeof value === "string" || typeof value === "bigint" || typeof value === "boolean";
  const told = isPlain ? `${value}` : "";
  const message = `输入源“/${location}${field}”校验失败：${issue}`;
  return new ApiError(400, "PARAM_ERROR", message, { field, value: told, issue, location });
}

export function signError(message: string, detail?: ErrorDetail): ApiError {
  return new ApiError(401, "SIGN_ERROR", message, detail);
}

export function invalidRequest(message: string, number?: number): ApiError {
  return new ApiError(400, "INVALID_REQUEST", message, undefined, number);
}
