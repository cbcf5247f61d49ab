import { describe, expect, it } from 'vitest'
import {
  chooseAlarms,
  isAlarmFilter,
  isChattering,
  isNarrowed,
  wholeList,
  type AlarmFilter,
} from './alarmList'
import { sampleAlarm } from './sampleAlarm'

const alarms = [
  sampleAlarm(1, { severity: 3 }),
  sampleAlarm(2, {
    severity: 1,
    state: 'active_acknowledged',
    township: '500156003',
    site_name: '仙女山酒店',
  }),
  sampleAlarm(3, { severity: 1 }),
  sampleAlarm(4, { severity: 2, state: 'returned_unacknowledged', title_en: 'Gas alarm', rule: 'GA-02' }),
]

const ids = (filter: Partial<AlarmFilter>) =>
  chooseAlarms(alarms, { ...wholeList, ...filter }).map(({ id }) => id)

describe('chooseAlarms', () => {
  it.each<[string, Partial<AlarmFilter>, number[]]>([
    ['who waits first, then the worst, then the newest', {}, [3, 4, 1, 2]],
    ['worst first, then unacknowledged, then newest', { order: 'severity' }, [3, 2, 4, 1]],
    ['newest first', { order: 'newest' }, [4, 3, 2, 1]],
    ['oldest first', { order: 'oldest' }, [1, 2, 3, 4]],
    ['by place', { order: 'place' }, [3, 4, 1, 2]],
    ['one severity', { severities: [1] }, [3, 2]],
    ['what is over last', { state: 'all', search: '仙女山' }, [2]],
    ['one township', { township: '500156003' }, [2]],
    ['unacknowledged, also those that returned', { onlyUnacknowledged: true }, [3, 4, 1]],
    ['search without regard to case', { search: 'GAS' }, [4]],
    ['search for every word', { search: '小学 ga-02' }, [4]],
    ['search for something else', { search: 'boiler' }, []],
  ])('%s', (_, filter, expected) => {
    expect(ids(filter)).toEqual(expected)
  })
})

describe('the mark of chattering', () => {
  it.each([
    [undefined, 1_000, false],
    [1_000, 2_000, true],
    [1_000, 700_000, false],
  ])('%s at %s: %s', (at, now, expected) => {
    expect(isChattering(sampleAlarm(1, at === undefined ? {} : { chattered_at_ms: at }), now)).toBe(expected)
  })
})

describe('a filter', () => {
  it('is narrowed by what hides, not by the order', () => {
    expect(isNarrowed({ ...wholeList, order: 'oldest', state: 'all' })).toBe(false)
    expect(isNarrowed({ ...wholeList, severities: [1] })).toBe(true)
  })

  it.each([
    ['its own', wholeList, true],
    ['nothing', null, false],
    ['of an older page', { state: 'open' }, false],
    ['with a severity that does not exist', { ...wholeList, severities: [9] }, false],
    ['with a grouping that does not exist', { ...wholeList, grouping: 'colour' }, false],
    ['with an order that does not exist', { ...wholeList, order: 'colour' }, false],
  ])('remembered: %s', (_, value, expected) => {
    expect(isAlarmFilter(value)).toBe(expected)
  })
})
