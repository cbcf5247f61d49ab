/** Decides, from times alone, whether the live connection is alive and how long to wait before the next try. */

/** The gateway speaks at least once a second; the person is told within three. */
export const silenceLimitMs = 2_500
/** How often the watch looks. Silence is thus noticed after at most 2.75 s. */
export const watchIntervalMs = 250
/** A look that comes so late means that the page itself was held up, not the link. */
const heldUpMs = 1_500

const firstWaitMs = 400
const longestWaitMs = 8_000

export interface WatchTimes {
  readonly nowMs: number
  /** When the last message came, or the try began. */
  readonly heardAtMs: number
  /** When the watch looked last. */
  readonly lookedAtMs: number
}

/** Whether the link must be called lost. After a hold-up the messages that wait are read first. */
export function isSilent({ nowMs, heardAtMs, lookedAtMs }: WatchTimes): boolean {
  if (nowMs - lookedAtMs > heldUpMs) return false
  return nowMs - heardAtMs > silenceLimitMs
}

/** Doubles with each failed try, with half of it left to chance, so that a hundred walls do not come back as one. */
export function retryWaitMs(failedTries: number, random: number): number {
  const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failedTries, 10))
  return wait / 2 + (wait / 2) * random
}
