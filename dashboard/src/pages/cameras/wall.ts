/** Which cameras a wall shows. Pure. */
import type { Camera } from '@/api/types'

export type WallSize = 2 | 3

export interface WallChoice {
  readonly size: WallSize
  /** Devices in the order chosen; empty: all cameras. */
  readonly chosen: readonly string[]
  readonly township: string | null
}

export const wholeWall: WallChoice = { size: 2, chosen: [], township: null }

export function isWallChoice(value: unknown): value is WallChoice {
  if (typeof value !== 'object' || value === null) return false
  const { size, chosen, township }: { size?: unknown; chosen?: unknown; township?: unknown } = value
  return (
    (size === 2 || size === 3) &&
    Array.isArray(chosen) &&
    chosen.every((device) => typeof device === 'string') &&
    (township === null || typeof township === 'string')
  )
}

export interface WallPage {
  readonly cameras: readonly Camera[]
  /** From 0. */
  readonly page: number
  readonly pageCount: number
}

/** The cameras of one page; a page that no longer exists becomes the last. */
export function wallPage(all: readonly Camera[], choice: WallChoice, page: number): WallPage {
  const known = new Map(all.map((camera) => [camera.device, camera]))
  const picked =
    choice.chosen.length > 0
      ? choice.chosen.flatMap((device) => known.get(device) ?? [])
      : all.filter(({ township }) => choice.township === null || township === choice.township)
  const perPage = choice.size ** 2
  const pageCount = Math.max(1, Math.ceil(picked.length / perPage))
  const shown = Math.min(Math.max(page, 0), pageCount - 1)
  return { cameras: picked.slice(shown * perPage, (shown + 1) * perPage), page: shown, pageCount }
}
