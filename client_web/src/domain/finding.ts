/** What the zoo found out about a model, in sentences: most are facts, some say that it cannot work. */

/** Whether a finding is about broken code. The API gives sentences only; those about errors name the error or its line. */
export function isTrouble(finding: string): boolean {
  return /\berror\b|\bline \d+\b/i.test(finding);
}
