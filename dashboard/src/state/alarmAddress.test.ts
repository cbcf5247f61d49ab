import { describe, expect, it } from 'vitest'
import { filterFromQuery, filterToQuery } from './alarmAddress'
import { wholeList, type AlarmFilter } from './alarmList'

describe('the filter in the address', () => {
  it('says only what is unusual', () => {
    expect(filterToQuery(wholeList)).toEqual({})
    expect(filterToQuery({ ...wholeList, severities: [1, 2], grouping: 'site' })).toEqual({
      severity: '1,2',
      group: 'site',
    })
  })

  it.each<Partial<AlarmFilter>>([
    { state: 'closed', order: 'oldest' },
    { severities: [1, 3], township: '500156001', onlyUnacknowledged: true },
    { search: '冷库 1号', grouping: 'rule' },
    { state: 'closed', days: ['2026-10-01', '2026-10-31'], search: '梯' },
  ])('comes back as it was: %o', (changes) => {
    const filter = { ...wholeList, ...changes }
    expect(filterFromQuery(filterToQuery(filter))).toEqual(filter)
  })

  it('passes over what is wrong, and says nothing of nothing', () => {
    expect(filterFromQuery({})).toBeNull()
    expect(filterFromQuery({ alarm: '3' })).toBeNull()
    expect(filterFromQuery({ state: 'lost', severity: '9,2', order: ['need'] })).toEqual({
      ...wholeList,
      severities: [2],
    })
  })
})
