import { describe, expect, it } from 'vitest'
import type { Case, Entrapment } from '@/api/types'
import { offeredSteps } from './steps'

const trapped: Entrapment = {
  contact_due_at_ms: 60_000,
  rescue_due_at_ms: 1_800_000,
  accident_at_ms: 7_200_000,
  is_accident: false,
  milestones: [],
}
const kinds = (facts: Partial<Case>) =>
  offeredSteps(
    { state: 'opened', severity: 2, plan: 'ordinary', handled_by: null, entrapment: null, ...facts },
    'zhang',
  ).map(({ kind }) => kind)

describe('the steps of a case', () => {
  it('begin with what comes next', () => {
    expect(kinds({ state: 'opened' })[0]).toBe('accept')
    expect(kinds({ state: 'accepted' })[0]).toBe('arrive')
    expect(kinds({ state: 'on_site' })[0]).toBe('handle')
    expect(kinds({ state: 'verified' })[0]).toBe('close')
    expect(kinds({ state: 'closed' })).toEqual([])
  })

  it('let the lesser severities be handled from afar', () => {
    expect(kinds({ state: 'accepted', severity: 2 })).not.toContain('handle')
    expect(kinds({ state: 'accepted', severity: 3 })).toContain('handle')
  })

  it('free people before anything is handled', () => {
    const there = { state: 'on_site', severity: 1, plan: 'entrapment' } as const
    expect(kinds({ ...there, entrapment: trapped })).toEqual(['free', 'contact', 'false_alarm', 'assign'])
    expect(kinds({ ...there, entrapment: { ...trapped, freed_at_ms: 5 } })[0]).toBe('handle')
  })

  it('leave judging to somebody else', () => {
    expect(kinds({ state: 'handled', handled_by: 'zhang' })).toEqual(['return'])
    expect(kinds({ state: 'handled', handled_by: 'li' })).toEqual(['verify', 'return'])
  })
})
