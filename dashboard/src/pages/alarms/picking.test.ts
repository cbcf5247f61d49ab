import { describe, expect, it } from 'vitest'
import { alarmKey, alarmRows, type AlarmRow } from '@/state/alarmGroups'
import { sampleAlarm as alarm } from '@/state/sampleAlarm'
import { areOfOneSite, extended, nothingPicked, pickedOf, toggled } from './picking'

const alarms = [alarm(1), alarm(2), alarm(3, { state: 'closed' }), alarm(4), alarm(5)]
const rows = alarmRows(alarms)
const row = (id: number): AlarmRow =>
  rows.find(({ key }) => key === alarmKey(id)) ?? expect.fail(`no row ${id}`)
const ids = ({ ids: picked }: { ids: ReadonlySet<number> }) => [...picked].sort()

describe('picking alarms', () => {
  it('takes one and gives it back', () => {
    const one = toggled(toggled(nothingPicked, row(1)), row(4))
    expect(ids(one)).toEqual([1, 4])
    expect(ids(toggled(one, row(1)))).toEqual([4])
  })

  it('takes a run in either direction, but nothing that is over', () => {
    const from = toggled(nothingPicked, row(4))
    expect(ids(extended(from, rows, null, alarmKey(1)))).toEqual([1, 2, 4])
    expect(ids(toggled(nothingPicked, row(3)))).toEqual([])
  })

  it('gives back what a run took when it is made shorter, and keeps what was picked before it', () => {
    const start = toggled(toggled(nothingPicked, row(5)), row(1))
    const long = extended(start, rows, null, alarmKey(4))
    expect(ids(long)).toEqual([1, 2, 4, 5])
    expect(ids(extended(long, rows, null, alarmKey(2)))).toEqual([1, 2, 5])
  })

  it('begins a run at the row that was looked at when none was picked, or the picked one has gone', () => {
    expect(ids(extended(nothingPicked, rows, alarmKey(1), alarmKey(2)))).toEqual([1, 2])
    const gone = { ...nothingPicked, anchor: alarmKey(9) }
    expect(ids(extended(gone, rows, alarmKey(4), alarmKey(5)))).toEqual([4, 5])
    expect(ids(extended(nothingPicked, rows, null, alarmKey(2)))).toEqual([2])
  })

  it('forgets those that have left the list', () => {
    const picking = toggled(toggled(nothingPicked, row(1)), row(2))
    expect(pickedOf(picking, [alarm(2)]).map(({ id }) => id)).toEqual([2])
    expect(pickedOf(picking, [alarm(1, { state: 'closed' })])).toEqual([])
  })

  it('knows whether one address is enough', () => {
    expect(areOfOneSite([alarm(1), alarm(2)])).toBe(true)
    expect(areOfOneSite([alarm(1), alarm(2, { site: 'lift' })])).toBe(false)
  })
})
