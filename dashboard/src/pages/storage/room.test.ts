import { expect, it } from 'vitest'
import { bytes, urgency, usedShare } from './room'

it('writes bytes with three digits at most', () => {
  expect([0, 999, 1_000, 1_536, 200 * 1_024, 3.4 * 1_024 ** 3].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 KiB',
    '1.5 KiB',
    '200 KiB',
    '3.4 GiB',
  ])
  expect(bytes(5_000 * 1_024 ** 4)).toBe('5000 TiB')
})

it('knows the share of a disk only where there is one', () => {
  const storage = (free: number | null) => ({ database_bytes: 30, disk_free_bytes: free })
  expect(usedShare(storage(70))).toBe(0.3)
  expect(usedShare(storage(null))).toBeNull()
})

it('is calm about a disk that never fills', () => {
  expect([null, 400, 89, 6].map(urgency)).toEqual(['calm', 'calm', 'soon', 'now'])
})
