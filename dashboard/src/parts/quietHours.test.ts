import { describe, expect, it } from 'vitest'
import { isSameHours, minuteOf, timeOf } from './quietHours'

describe('quiet hours', () => {
  it('are written as times of the day', () => {
    expect([0, 450, 1439].map(timeOf)).toEqual(['00:00', '07:30', '23:59'])
    expect(['00:00', '7:30', '23:59'].map(minuteOf)).toEqual([0, 450, 1439])
    expect(['24:00', '12:60', '12', ''].map(minuteOf)).toEqual([null, null, null, null])
  })

  it('are compared, none being none', () => {
    const night = { from_min: 1320, to_min: 420 }
    expect(isSameHours(night, { ...night })).toBe(true)
    expect(isSameHours(null, undefined)).toBe(true)
    expect(isSameHours(night, null)).toBe(false)
  })
})
