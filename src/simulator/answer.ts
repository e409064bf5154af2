/** What WeChat Pay answers, before it is signed. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string;
  /** Downloads of bills are never signed. */
  readonly isSigned: boolean;
}
