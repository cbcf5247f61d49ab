import { describe, expect, it } from 'vitest'
import type { AlarmCount } from '@/api/types'
import { countChosen, countsBySeverity, isEveryAlarmHeld, waitingCount } from './alarmCounts'
import { wholeList, type AlarmFilter } from './alarmList'
import { emptyLive } from './live'

const counts: AlarmCount[] = [
  {
    township: 'a',
    profile: 'elevator',
    waiting: [1, 2, 0, 0],
    answered: [0, 0, 3, 0],
    set_aside: [0, 1, 0, 0],
  },
  {
    township: 'b',
    profile: 'gas_detector',
    waiting: [0, 4, 0, 0],
    answered: [0, 0, 0, 0],
    set_aside: [0, 0, 0, 0],
  },
]

describe('counts', () => {
  it('add up over places and kinds', () => {
    expect(countsBySeverity(counts).open).toEqual([1, 7, 3, 0])
    expect(waitingCount(counts)).toBe(7)
  })

  it.each<[string, Partial<AlarmFilter>, number]>([
    ['what calls', {}, 10],
    ['what waits', { onlyUnacknowledged: true }, 7],
    ['what is set aside', { state: 'set_aside' }, 1],
    ['of one place', { township: 'a' }, 6],
    ['of two severities', { severities: [1, 3] }, 4],
    ['what is over is not counted', { state: 'closed' }, 0],
  ])('of a filter: %s', (_, filter, expected) => {
    expect(countChosen(counts, { ...wholeList, ...filter })).toBe(expected)
  })

  it('tell whether the screen holds every alarm', () => {
    expect(isEveryAlarmHeld(emptyLive)).toBe(true)
    const flooded = { ...emptyLive, alarmCounts: new Map(counts.map((count) => [count.township, count])) }
    expect(isEveryAlarmHeld(flooded)).toBe(false)
  })
})
