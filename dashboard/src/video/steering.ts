/** Keeps a player close to now: a little faster when it falls behind, a leap when it is far off. Pure. */

/** Seconds of video. */
export interface Span {
  readonly start: number
  readonly end: number
}

export type Steering =
  | { readonly kind: 'stay' }
  | { readonly kind: 'rate'; readonly rate: number }
  | { readonly kind: 'leap'; readonly to: number }

/** So far behind the newest picture a player should be: a few pictures in hand for an uneven line. */
export const targetS = 0.3
/** Further behind than this it plays faster, until the target is reached. */
const hurryBeyondS = 0.8
/** Further behind than this it leaps. */
const leapBeyondS = 3
/** Faster than that, moving people look wrong. */
const hurryRate = 1.15
/** A player this close before a span is inside it: times are rounded. */
const toleranceS = 0.05

/** What to do, given the spans that are buffered in order and where the player is. */
export function steer(spans: readonly Span[], currentS: number, rate: number): Steering {
  const newest = spans.at(-1)
  if (!newest) return { kind: 'stay' }
  const goal = Math.max(newest.start, newest.end - targetS)
  const isInside = currentS >= newest.start - toleranceS && currentS <= newest.end + toleranceS
  const behindS = newest.end - currentS
  if (!isInside || behindS > leapBeyondS) return { kind: 'leap', to: goal }
  const wanted = behindS > hurryBeyondS || (rate > 1 && behindS > targetS) ? hurryRate : 1
  return wanted === rate ? { kind: 'stay' } : { kind: 'rate', rate: wanted }
}

/** How far the player is behind the newest picture, in seconds. */
export function behindS(spans: readonly Span[], currentS: number): number {
  const newest = spans.at(-1)
  return newest ? Math.max(0, newest.end - currentS) : 0
}
