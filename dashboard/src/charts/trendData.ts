/** A series' history as the points of a line: what was not measured is a hole, never a bridge. */
import type { History, Point } from '@/api/types'
import { asNumber } from '@/text/format'

/** A point of a line; null: here the line breaks. */
export type Sample = [atMs: number, value: number | null]

export interface TrendData {
  readonly line: readonly Sample[]
  /** Smallest and largest of each bucket, with the same holes; empty when every reading is drawn. */
  readonly low: readonly Sample[]
  readonly high: readonly Sample[]
}

/**
 * `tail` are readings that came after the history was asked for. Two readings further apart than `gapMs` are not
 * joined.
 */
export function trendData(history: History, tail: readonly Point[], gapMs: number): TrendData {
  const bucketMs = history.bucket_ms ?? 0
  if (bucketMs === 0) return { line: joinPoints([...history.points, ...tail], gapMs), low: [], high: [] }

  const line: Sample[] = []
  const low: Sample[] = []
  const high: Sample[] = []
  const put = (atMs: number, mean: number | null, min: number | null, max: number | null) => {
    line.push([atMs, mean])
    low.push([atMs, min])
    high.push([atMs, max])
  }
  let endOfLast: number | null = null
  for (const { at_ms, mean, min, max } of history.buckets) {
    if (endOfLast !== null && at_ms - endOfLast >= Math.max(gapMs, bucketMs)) put(endOfLast, null, null, null)
    put(at_ms + bucketMs / 2, mean ?? null, min ?? null, max ?? null)
    endOfLast = at_ms + bucketMs
  }
  const lastDrawn = line.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY
  const rest = joinPoints(
    tail.filter((point) => point.at_ms > lastDrawn),
    gapMs,
  )
  if (endOfLast !== null && (rest[0]?.[0] ?? endOfLast) - endOfLast > Math.max(gapMs, bucketMs)) {
    line.push([endOfLast, null])
  }
  return { line: [...line, ...rest], low, high }
}

/** The smallest and the largest number drawn; null: nothing is. */
export function extentOf({ line, low, high }: TrendData): [number, number] | null {
  const numbers = [...line, ...low, ...high].flatMap(([, value]) => (value === null ? [] : [value]))
  if (numbers.length === 0) return null
  return numbers.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}

function joinPoints(points: readonly Point[], gapMs: number): Sample[] {
  const samples: Sample[] = []
  let lastAtMs: number | null = null
  for (const { at_ms, value, quality } of points) {
    if (lastAtMs !== null && at_ms - lastAtMs > gapMs) samples.push([lastAtMs + 1, null])
    const isUsable = quality === 'good' || quality === 'clock_suspect'
    samples.push([at_ms, isUsable ? asNumber(value) : null])
    lastAtMs = at_ms
  }
  return samples
}
