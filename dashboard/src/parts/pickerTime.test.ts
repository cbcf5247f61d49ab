import { expect, it } from 'vitest'
import { fromPicker, fromPickerRange, toPicker, toPickerRange } from './pickerTime'

const hourMs = 3_600_000
/** 2026-11-23, 00:00 in Beijing. */
const midnight = Date.UTC(2026, 10, 22, 16)

it('is Beijing time in a picker of any zone', () => {
  expect(toPicker(midnight, -8 * hourMs)).toBe(midnight)
  // New York in winter: midnight in Beijing is eleven in the morning there, and must read as midnight.
  expect(toPicker(midnight, 5 * hourMs)).toBe(midnight + 13 * hourMs)
  expect(fromPicker(toPicker(midnight, 5 * hourMs), 5 * hourMs)).toBe(midnight)
})

it('turns a range there and back, and nothing into nothing', () => {
  expect(fromPickerRange(toPickerRange([midnight, midnight + hourMs]))).toEqual([midnight, midnight + hourMs])
  expect([toPickerRange(null), fromPickerRange(null)]).toEqual([null, null])
})
