import { describe, expect, it } from 'vitest'
import type { Alarm, AlarmState, Severity } from '@/api/types'
import { ring, type Bell } from './bell'

function open(...alarms: [id: number, severity: Severity, state: AlarmState][]): Map<number, Alarm> {
  return new Map(
    alarms.map(([id, severity, state]) => [
      id,
      {
        id,
        severity,
        state,
        device: 'd',
        device_name: '',
        site: 's',
        site_name: '',
        township: '500156001',
        rule: 'GA-02',
        title_zh: '',
        title_en: '',
        raised_at_ms: 0,
        cause_zh: '',
        cause_en: '',
        is_latching: false,
        occurrence_count: 1,
        late_ms: 0,
        is_stored: true,
      },
    ]),
  )
}

const active = 'active_unacknowledged'

describe('ring', () => {
  it.each<[string, Map<number, Alarm> | null, Map<number, Alarm>, Bell | null]>([
    ['nothing new', open([1, 1, active]), open([1, 1, active]), null],
    ['a new III', open(), open([1, 3, active]), null],
    ['a new II', open(), open([1, 2, active]), 'urgent'],
    ['a new I beside a new II', open(), open([1, 2, active], [2, 1, active]), 'critical'],
    ['found open on loading', null, open([1, 1, active]), 'critical'],
    ['found open but answered', null, open([1, 1, 'active_acknowledged']), null],
    ['answered', open([1, 1, active]), open([1, 1, 'active_acknowledged']), null],
    ['came back', open([1, 2, 'returned_unacknowledged']), open([1, 2, active]), 'urgent'],
  ])('%s', (_, before, after, expected) => {
    expect(ring(before, after)).toBe(expected)
  })
})
