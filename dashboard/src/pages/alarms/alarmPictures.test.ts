import { describe, expect, it } from 'vitest'
import type { AlarmCamera } from '@/api/types'
import { isMoreToCome, lacksOf, picturesOf } from './alarmPictures'

const camera = (name: string, more: Partial<AlarmCamera> = {}): AlarmCamera => ({
  camera: name,
  name: `${name} by name`,
  taken_at_ms: [],
  is_awaited: false,
  ...more,
})

describe('picturesOf', () => {
  it('tells of each picture how far from the alarm it was taken', () => {
    const pictures = picturesOf(
      [
        camera('a', { taken_at_ms: [399_999, 960_000, 1_000_300] }),
        camera('b'),
        camera('c', { taken_at_ms: [1] }),
      ],
      1_000_000,
    )
    expect(pictures.map(({ camera, afterMs, isFar }) => [camera, afterMs, isFar])).toEqual([
      ['a', -600_001, true],
      ['a', -40_000, false],
      ['a', 300, false],
      ['c', -999_999, true],
    ])
  })
})

describe('lacksOf', () => {
  it('says why there is no picture of the moment', () => {
    const lacks = lacksOf([
      camera('has', { taken_at_ms: [1] }),
      camera('offline', { taken_at_ms: [1], offline_since_ms: 7 }),
      camera('silent', { unanswered_since_ms: 8 }),
      camera('asked', { is_awaited: true }),
    ])
    expect(lacks.map(({ camera, why, sinceMs }) => [camera, why, sinceMs])).toEqual([
      ['offline', 'offline', 7],
      ['silent', 'unanswered', 8],
      ['asked', 'awaited', null],
    ])
  })
})

describe('isMoreToCome', () => {
  it('waits for who was asked, and for a moment for an alarm that has just been raised', () => {
    expect(isMoreToCome([camera('a', { is_awaited: true })], 0, 1e9)).toBe(true)
    expect(isMoreToCome([], 1_000, 15_999)).toBe(true)
    expect(isMoreToCome([], 1_000, 16_000)).toBe(false)
    expect(isMoreToCome([camera('a', { offline_since_ms: 1 })], 1_000, 1_001)).toBe(false)
  })
})
