import { describe, expect, it } from 'vitest'
import { isSilent, retryWaitMs, silenceLimitMs, watchIntervalMs } from './liveWatch'

describe('isSilent', () => {
  it.each([
    ['just heard', 10_000, 9_900, 9_750, false],
    ['at the limit', 10_000, 7_500, 9_750, false],
    ['past the limit', 10_000, 7_499, 9_750, true],
    ['the page was held up: messages may wait unread', 10_000, 4_000, 8_000, false],
  ])('%s', (_, nowMs, heardAtMs, lookedAtMs, expected) => {
    expect(isSilent({ nowMs, heardAtMs, lookedAtMs })).toBe(expected)
  })

  it('is noticed within three seconds', () => {
    expect(silenceLimitMs + 2 * watchIntervalMs).toBeLessThanOrEqual(3_000)
  })
})

describe('retryWaitMs', () => {
  it.each([
    [0, 0, 200],
    [0, 1, 400],
    [3, 1, 3_200],
    [5, 1, 8_000],
    [500, 1, 8_000],
    [500, 0, 4_000],
  ])('after %i failed tries with chance %d is %i ms', (tries, random, expected) => {
    expect(retryWaitMs(tries, random)).toBe(expected)
  })
})
