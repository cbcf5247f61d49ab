/** What of an alarm's pictures is shown, and what stands in the place of one that is not there. Pure. */
import type { AlarmCamera } from '@/api/types'

/** A picture further from the alarm than this shows another situation. */
const farMs = 10 * 60_000

export interface Picture {
  readonly key: string
  readonly camera: string
  readonly name: string
  readonly atMs: number
  /** How long after the alarm it was taken; negative: before. */
  readonly afterMs: number
  readonly isFar: boolean
}

/** Every picture, camera by camera, the earliest first. */
export function picturesOf(cameras: readonly AlarmCamera[], raisedAtMs: number): Picture[] {
  return cameras.flatMap(({ camera, name, taken_at_ms }) =>
    taken_at_ms.map((atMs) => ({
      key: `${camera} ${String(atMs)}`,
      camera,
      name,
      atMs,
      afterMs: atMs - raisedAtMs,
      isFar: Math.abs(atMs - raisedAtMs) > farMs,
    })),
  )
}

export interface Lack {
  readonly camera: string
  readonly name: string
  readonly why: 'offline' | 'awaited' | 'unanswered'
  /** Since when. */
  readonly sinceMs: number | null
}

/** The cameras that showed nothing of the moment, and why. */
export function lacksOf(cameras: readonly AlarmCamera[]): Lack[] {
  return cameras.flatMap(({ camera, name, is_awaited, offline_since_ms, unanswered_since_ms }): Lack[] => {
    if (is_awaited) return [{ camera, name, why: 'awaited', sinceMs: null }]
    if (offline_since_ms != null) return [{ camera, name, why: 'offline', sinceMs: offline_since_ms }]
    if (unanswered_since_ms != null)
      return [{ camera, name, why: 'unanswered', sinceMs: unanswered_since_ms }]
    return []
  })
}

/** So long after an alarm its cameras may not have been asked yet. */
const askedWithinMs = 15_000

/** Whether more may come soon. */
export function isMoreToCome(cameras: readonly AlarmCamera[], raisedAtMs: number, nowMs: number): boolean {
  const isJustRaised = cameras.length === 0 && nowMs - raisedAtMs < askedWithinMs
  return isJustRaised || cameras.some(({ is_awaited }) => is_awaited)
}
