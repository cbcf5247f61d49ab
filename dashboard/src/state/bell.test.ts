import { describe, expect, it } from 'vitest'
import type { Alarm, AlarmState, Severity } from '@/api/types'
import { news, ring, stillCalls, type Bell } from './bell'
import { sampleAlarm } from './sampleAlarm'

function open(...alarms: [id: number, severity: Severity, state: AlarmState][]): Map<number, Alarm> {
  return new Map(alarms.map(([id, severity, state]) => [id, sampleAlarm(id, { severity, state })]))
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
    ['gone, and not answered', open([1, 1, active]), open([1, 1, 'returned_unacknowledged']), null],
    ['a past alarm', open(), open([1, 1, 'returned_unacknowledged']), 'critical'],
    ['latched', open([1, 1, 'active_acknowledged']), open([1, 1, 'latched_unacknowledged']), 'critical'],
  ])('%s', (_, before, after, expected) => {
    expect(ring(before, after)).toBe(expected)
  })
})

describe('until somebody answers', () => {
  it.each<[string, Map<number, Alarm>, Bell | null]>([
    ['II alone', open([1, 2, active], [2, 3, active]), 'urgent'],
    ['I beside II', open([1, 2, active], [2, 1, active]), 'critical'],
    ['over before somebody answered', open([1, 2, 'returned_unacknowledged']), 'urgent'],
    ['latched', open([1, 1, 'latched_unacknowledged'], [2, 2, active]), 'critical'],
    [
      'all answered',
      open([1, 1, 'active_acknowledged'], [2, 1, 'shelved'], [3, 1, 'latched_acknowledged']),
      null,
    ],
  ])('%s', (_, alarms, expected) => {
    expect(stillCalls(alarms.values())).toBe(expected)
  })

  it('names what is new, the gravest first', () => {
    const after = open([1, 2, active], [2, 3, active], [3, 1, active], [4, 2, active])
    expect(news(open([4, 2, active]), after).map(({ id }) => id)).toEqual([3, 1])
  })
})
