import { describe, expect, it } from 'vitest'
import type { Shift } from '@/api/types'
import { dayMs, dayStart, fromPicker, stretchesOf, toPicker, weekStart } from './week'

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

  it('is Beijing time in a picker of any zone', () => {
    const hourMs = 3_600_000
    expect(toPicker(monday, -8 * hourMs)).toBe(monday)
    // New York in winter: midnight in Beijing is eleven in the morning there, and must read as midnight.
    expect(toPicker(monday, 5 * hourMs)).toBe(monday + 13 * hourMs)
    expect(fromPicker(toPicker(monday, 5 * hourMs), 5 * hourMs)).toBe(monday)
  })

  it('cuts a night shift at midnight', () => {
    const night = shift(monday + dayMs * 0.75, monday + dayMs * 1.25)
    expect(stretchesOf([night], monday)).toEqual([{ shift: night, from: 0.75, to: 1 }])
    expect(stretchesOf([night], monday + dayMs)).toEqual([{ shift: night, from: 0, to: 0.25 }])
    expect(stretchesOf([night], monday + 2 * dayMs)).toEqual([])
  })
})
