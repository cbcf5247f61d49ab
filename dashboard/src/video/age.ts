/**
 * How old the picture on the screen is. The edge's clock and this computer's may differ by any amount, so their
 * difference is learnt: the least delayed frame of a connection counts as fresh, and everything is measured by it.
 */

export interface AgeMeter {
  /** Least (arrival − capture) seen, in milliseconds; null: no frame yet. */
  readonly leastDelayMs: number | null
  /** Capture time of the newest frame. */
  readonly newestMs: number | null
}

export const noAge: AgeMeter = { leastDelayMs: null, newestMs: null }

export function noteFrame(meter: AgeMeter, capturedMs: number, arrivedMs: number): AgeMeter {
  const delayMs = arrivedMs - capturedMs
  return {
    leastDelayMs: meter.leastDelayMs === null ? delayMs : Math.min(meter.leastDelayMs, delayMs),
    newestMs: meter.newestMs === null ? capturedMs : Math.max(meter.newestMs, capturedMs),
  }
}

/**
 * Age of what is shown, in milliseconds, when the player is `behindS` seconds of video behind the newest frame; null:
 * there was no frame.
 */
export function ageMs(meter: AgeMeter, nowMs: number, behindS: number): number | null {
  if (meter.leastDelayMs === null || meter.newestMs === null) return null
  return Math.max(0, nowMs - meter.newestMs - meter.leastDelayMs + behindS * 1000)
}
