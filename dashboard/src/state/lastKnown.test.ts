import { describe, expect, it } from 'vitest'
import type { Alarm } from '@/api/types'
import { lastKnownMs } from './lastKnown'
import type { LiveDevice } from './live'

const alarm = (raised_at_ms: number, changes: Partial<Alarm> = {}): Alarm => ({
  id: 1,
  device: 'cold-1',
  device_name: 'Cold store',
  site: 'kitchen',
  site_name: 'Kitchen',
  township: '500156001',
  rule: 'FR-01',
  title_zh: '',
  title_en: '',
  severity: 3,
  state: 'active_acknowledged',
  is_latching: false,
  raised_at_ms,
  cause_zh: '',
  cause_en: '',
  occurrence_count: 1,
  late_ms: 0,
  is_stored: true,
  ...changes,
})
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
