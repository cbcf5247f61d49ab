import { describe, expect, it } from 'vitest'
import type { Bucket, History, Point } from '@/api/types'
import { extentOf, trendData } from './trendData'

const gapMs = 30
const history = (changes: Partial<History>): History => ({
  metric: 'm',
  from_ms: 0,
  to_ms: 1_000,
  points: [],
  buckets: [],
  ...changes,
})
const point = (at_ms: number, value: Point['value'], quality: Point['quality'] = 'good'): Point => ({
  at_ms,
  value: value ?? null,
  quality,
})
const bucket = (at_ms: number, mean: number): Bucket => ({
  at_ms,
  mean,
  min: mean - 1,
  max: mean + 1,
  count: 3,
})

describe('readings one by one', () => {
  const line = (...points: Point[]) => trendData(history({ points }), [], gapMs).line

  it('are joined when they are near', () => {
    expect(line(point(0, 1), point(30, 2))).toEqual([
      [0, 1],
      [30, 2],
    ])
  })

  it('leave a hole where nothing was measured for too long', () => {
    expect(line(point(0, 1), point(31, 2))).toEqual([
      [0, 1],
      [1, null],
      [31, 2],
    ])
  })

  it.each<[string, Point]>([
    ['bad', point(10, null, 'bad')],
    ['implausible', point(10, 900, 'implausible')],
    ['text', point(10, 'B1')],
  ])('leave a hole where the reading is %s', (_, unusable) => {
    expect(line(point(0, 1), unusable, point(20, 2))[1]).toEqual([10, null])
  })

  it('draw flags as 0 and 1', () => {
    expect(line(point(0, true), point(10, false))).toEqual([
      [0, 1],
      [10, 0],
    ])
  })

  it('are followed by those that came live', () => {
    expect(trendData(history({ points: [point(0, 1)] }), [point(10, 5)], gapMs).line).toHaveLength(2)
  })
})

describe('buckets', () => {
  it('are drawn in their middle, with their range', () => {
    const data = trendData(history({ bucket_ms: 60, buckets: [bucket(0, 5)] }), [], gapMs)
    expect(data).toEqual({ line: [[30, 5]], low: [[30, 4]], high: [[30, 6]] })
  })

  it('leave a hole where one is missing, in all three lines', () => {
    const data = trendData(history({ bucket_ms: 60, buckets: [bucket(0, 5), bucket(120, 6)] }), [], gapMs)
    expect(data.line).toEqual([
      [30, 5],
      [60, null],
      [150, 6],
    ])
    expect(data.low[1]).toEqual([60, null])
  })

  it('do not call a span shorter than the stale time a hole', () => {
    const data = trendData(history({ bucket_ms: 60, buckets: [bucket(0, 5), bucket(120, 6)] }), [], 90)
    expect(data.line).toHaveLength(2)
  })

  it('are followed by live readings that are newer', () => {
    const data = trendData(
      history({ bucket_ms: 60, buckets: [bucket(0, 5)] }),
      [point(10, 9), point(70, 7)],
      gapMs,
    )
    expect(data.line).toEqual([
      [30, 5],
      [70, 7],
    ])
  })
})

describe('extentOf', () => {
  it('spans everything drawn', () => {
    expect(
      extentOf(trendData(history({ bucket_ms: 60, buckets: [bucket(0, 5), bucket(60, 9)] }), [], 1)),
    ).toEqual([4, 10])
    expect(extentOf(trendData(history({}), [], 1))).toBeNull()
  })
})
