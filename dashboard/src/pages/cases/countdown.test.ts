import { describe, expect, it } from 'vitest'
import type { Entrapment } from '@/api/types'
import { asClock, countdown, milestoneState, nextOfRescue } from './countdown'

describe('a countdown', () => {
  it('turns from calm to near to over', () => {
    expect(countdown(0, 600_000, 0)).toEqual({ isOver: false, ms: 600_000, tone: 'calm' })
    expect(countdown(0, 600_000, 500_000).tone).toBe('near')
    expect(countdown(0, 600_000, 600_000)).toEqual({ isOver: true, ms: 0, tone: 'over' })
    expect(countdown(0, 600_000, 660_000)).toEqual({ isOver: true, ms: 60_000, tone: 'over' })
  })

  it('of a milestone is ahead, met or told', () => {
    expect(milestoneState({ at_ms: 60, is_met: false }, 59)).toBe('ahead')
    expect(milestoneState({ at_ms: 60, is_met: false }, 60)).toBe('told')
    expect(milestoneState({ at_ms: 60, is_met: true }, 99)).toBe('met')
  })

  it('of a rescue runs to what must happen next', () => {
    const trapped = {
      contact_due_at_ms: 1,
      rescue_due_at_ms: 30,
      accident_at_ms: 120,
      is_accident: false,
      milestones: [],
    } satisfies Entrapment
    expect(nextOfRescue(trapped, null)).toEqual({ kind: 'contact', dueMs: 1 })
    const spoken = { ...trapped, contacted_at_ms: 1 }
    expect(nextOfRescue(spoken, null)).toEqual({ kind: 'rescue', dueMs: 30 })
    expect(nextOfRescue(spoken, 20)).toEqual({ kind: 'accident', dueMs: 120 })
  })

  it('is read as a clock', () => {
    expect(asClock(0)).toBe('0:00')
    expect(asClock(247_900)).toBe('4:07')
    expect(asClock(3_750_000)).toBe('1:02:30')
  })
})
