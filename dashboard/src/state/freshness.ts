/** How far a value on screen may be believed. */
import type { LinkState, Point } from '@/api/types'

/** `fresh`: the present. `stale`: too old. `lastKnown`: nobody speaks for the device. `missing`: never read. */
export type Freshness = 'fresh' | 'stale' | 'lastKnown' | 'missing'

export function freshnessOf(
  point: Point | null | undefined,
  staleAfterS: number,
  link: LinkState,
  nowMs: number,
): Freshness {
  if (!point) return 'missing'
  if (link !== 'online') return 'lastKnown'
  return nowMs - point.at_ms > staleAfterS * 1_000 ? 'stale' : 'fresh'
}
