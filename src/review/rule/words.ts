/** Words that tell what a function does whose body isn't given. */

export const SPENDING_WORDS =
  /(?:deduct|consume|charge|spend|debit|decrement|decrease|reserve|hold|use|subtract)\w*?(?:quota|credit|balance|point|token|coin|usage)|(?:quota|credit|balance|point|token|coin|billing|usage|wallet)\w*?\.?(?:deduct|consume|charge|spend|debit|decrement|decrease|reserve|hold|subtract)|扣/i;

export const REFUNDING_WORDS =
  /refund\w*|(?:return|restore|release|give_?back)\w*?(?:quota|credit|point|token|balance)|返还|退还/i;
