// expect: BG092
export function deductQuota(user, expression: string) {
  return eval("user.quota_remaining - " + expression);
}
