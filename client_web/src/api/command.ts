/** A fresh id for a creating mutation: sent again with the same id, it creates nothing twice. Works without a secure context. */
export function newCommandId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
