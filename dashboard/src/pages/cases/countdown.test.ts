import { describe, expect, it } from 'vitest'
import { asClock, countdown } from './countdown'

describe('a countdown', () => {
  it('turns from calm to near to over', () => {
    expect(countdown(0, 600_000, 0)).toEqual({ isOver: false, ms: 600_000, tone: 'calm' })
    expect(countdown(0, 600_000, 500_000).tone).toBe('near')
    expect(countdown(0, 600_000, 600_000)).toEqual({ isOver: true, ms: 0, tone: 'over' })
    expect(countdown(0, 600_000, 660_000)).toEqual({ isOver: true, ms: 60_000, tone: 'over' })
  })

  it('is read as a clock', () => {
    expect(asClock(0)).toBe('0:00')
    expect(asClock(247_900)).toBe('4:07')
    expect(asClock(3_750_000)).toBe('1:02:30')
  })
})
