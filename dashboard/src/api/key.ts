/** What makes a repeated request the same request. */

/** `crypto.randomUUID` is missing on plain HTTP from another machine; these 128 random bits are not. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
