import { describe, expect, it } from 'vitest'
import type { LinkState, Point } from '@/api/types'
import { freshnessOf, type Freshness } from './freshness'

const point: Point = { at_ms: 100_000, value: 4, quality: 'good' }

describe('freshnessOf', () => {
  it.each<[string, Point | null, LinkState, number, Freshness]>([
    ['nothing read', null, 'online', 100_000, 'missing'],
    ['just read', point, 'online', 100_500, 'fresh'],
    ['at the limit', point, 'online', 130_000, 'fresh'],
    ['past the limit', point, 'online', 130_001, 'stale'],
    ['device offline', point, 'offline', 100_500, 'lastKnown'],
    ['not heard of since the gateway started', point, 'unknown', 100_500, 'lastKnown'],
  ])('%s', (_, read, link, nowMs, expected) => {
    expect(freshnessOf(read, 30, link, nowMs)).toBe(expected)
  })
})
