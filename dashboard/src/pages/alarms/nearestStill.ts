/** Which still says most about the moment of an alarm. Pure. */
import type { Camera } from '@/api/types'

/** A still further from the alarm than this shows another situation. */
const nearMs = 10 * 60_000

export interface Still {
  readonly camera: Camera
  readonly atMs: number
  /** How long after the alarm it was taken; negative: before. */
  readonly afterMs: number
  /** So far from the alarm that it shows another situation. */
  readonly isFar: boolean
}

/** The still of the site that was taken nearest to the moment; null: there is none. */
export function nearestStill(cameras: readonly Camera[], site: string, momentMs: number): Still | null {
  let nearest: Still | null = null
  for (const camera of cameras) {
    const atMs = camera.snapshot_at_ms
    if (camera.site !== site || atMs == null) continue
    const afterMs = atMs - momentMs
    if (nearest && Math.abs(nearest.afterMs) <= Math.abs(afterMs)) continue
    nearest = { camera, atMs, afterMs, isFar: Math.abs(afterMs) > nearMs }
  }
  return nearest
}
