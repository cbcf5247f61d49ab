import { describe, expect, it } from 'vitest'
import { asQuery, everything, isCaseFilter, isNarrowed } from './caseFilter'

describe('a filter of cases', () => {
  it('is remembered only if it still is one', () => {
    expect(isCaseFilter(everything)).toBe(true)
    expect(isCaseFilter({ ...everything, severity: 1, township: '500156001', isMine: true })).toBe(true)
    expect(isCaseFilter({ ...everything, severity: 5 })).toBe(false)
    expect(isCaseFilter({ ...everything, state: 'lost' })).toBe(false)
    expect(isCaseFilter(null)).toBe(false)
  })

  it('asks for what it narrows, and for nothing else', () => {
    expect(asQuery(everything)).toEqual({ state: 'open' })
    expect(isNarrowed(everything)).toBe(false)
    const narrowed = { ...everything, severity: 1, isMine: true } as const
    expect(asQuery(narrowed)).toEqual({ state: 'open', severity: 1, is_mine: true })
    expect(isNarrowed(narrowed)).toBe(true)
  })
})
