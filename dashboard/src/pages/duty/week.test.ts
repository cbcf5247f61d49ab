import { describe, expect, it } from 'vitest'
import type { Shift } from '@/api/types'
import { dayMs, dayStart, hoursOf, stretchesOf, weekMs, weekStart } from './week'

/** Monday, 2026-11-23, 00:00 in Beijing. */
const monday = Date.UTC(2026, 10, 22, 16)

const shift = (from_ms: number, to_ms: number): Shift => ({
  id: 1,
  post: 'centre',
  from_ms,
  to_ms,
  person: 'Zhang',
  phone: '',
})

describe('a week', () => {
  it('begins on Monday in Beijing', () => {
    for (const ms of [monday, monday + 1, monday + 7 * dayMs - 1]) expect(weekStart(ms)).toBe(monday)
    expect(weekStart(monday - 1)).toBe(monday - 7 * dayMs)
    expect(dayStart(monday + dayMs - 1)).toBe(monday)
  })

  it('says the hours of a shift, with the dates when hours alone would mean nothing', () => {
    expect(hoursOf(shift(monday + dayMs * 0.75, monday + dayMs * 1.25))).toBe('18:00–06:00')
    expect(hoursOf(shift(monday, monday + weekMs))).toBe('11-23 00:00–11-30 00:00')
  })

  it('cuts a night shift at midnight', () => {
    const night = shift(monday + dayMs * 0.75, monday + dayMs * 1.25)
    expect(stretchesOf([night], monday)).toEqual([{ shift: night, from: 0.75, to: 1 }])
    expect(stretchesOf([night], monday + dayMs)).toEqual([{ shift: night, from: 0, to: 0.25 }])
    expect(stretchesOf([night], monday + 2 * dayMs)).toEqual([])
  })
})
