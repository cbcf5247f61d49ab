import { describe, expect, it } from 'vitest'
import type { Alarm } from '@/api/types'
import { lastKnownMs } from './lastKnown'
import type { LiveDevice } from './live'
import { sampleAlarm } from './sampleAlarm'

const alarm = (raised_at_ms: number, changes: Partial<Alarm> = {}) =>
  sampleAlarm(1, { state: 'active_acknowledged', raised_at_ms, ...changes })
const device = (link: LiveDevice['link']): LiveDevice => ({
  link,
  linkSinceMs: 1_000,
  worst: null,
  values: new Map(),
})

describe('lastKnownMs', () => {
  it.each<[string, Alarm, LiveDevice | undefined, number | null]>([
    ['a danger whose device was lost afterwards', alarm(500), device('offline'), 1_000],
    ['a device that speaks', alarm(500), device('online'), null],
    ['an alarm about the loss itself', alarm(1_500), device('offline'), null],
    ['what has returned', alarm(500, { returned_at_ms: 700 }), device('offline'), null],
    ['a device nobody has heard of', alarm(500), undefined, null],
  ])('%s', (_, told, known, expected) => {
    expect(lastKnownMs(told, known)).toBe(expected)
  })
})
