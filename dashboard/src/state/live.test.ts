import { describe, expect, it } from 'vitest'
import type { Alarm, AlarmCount, Delta, DeviceLive, Snapshot } from '@/api/types'
import { applyAlarm, applyMessages, emptyLive, resumeText } from './live'
import { sampleAlarm } from './sampleAlarm'

const epoch = 7

const alarm = (id: number, changes: Partial<Alarm> = {}) =>
  sampleAlarm(id, { device: 'cold-1', raised_at_ms: 1, ...changes })

function device(id: string, value: number, metric = 'cold_store.temperature'): DeviceLive {
  return {
    id,
    link: 'online',
    link_since_ms: 5,
    values: [{ metric, at_ms: 10, value, quality: 'good' }],
  }
}

const count = (waiting: AlarmCount['waiting']): AlarmCount => ({
  township: '500156001',
  profile: 'cold_store',
  waiting,
  answered: [0, 0, 0, 0],
  set_aside: [0, 0, 0, 0],
})

const snapshot: Snapshot = {
  type: 'snapshot',
  version: { epoch, sequence: 3 },
  at_ms: 100,
  devices: [device('cold-1', 4), device('cold-2', 5)],
  alarms: [alarm(1)],
  alarm_counts: [count([0, 0, 1, 0])],
}

const delta = (sequence: number, changes: Partial<Delta>): Delta => ({
  type: 'delta',
  version: { epoch, sequence },
  at_ms: 101,
  ...changes,
})

const start = applyMessages(emptyLive, [snapshot]).state

describe('in a flood', () => {
  it('holds the first alarms and counts all', () => {
    const flooded = applyMessages(start, [
      delta(4, { alarms: [alarm(2)], displaced_alarms: [1], alarm_counts: [count([0, 0, 900, 0])] }),
    ]).state
    expect([...flooded.alarms.keys()]).toEqual([2])
    expect([...flooded.alarmCounts.values()]).toEqual([count([0, 0, 900, 0])])
  })

  it('knows how bad the worst alarm of a device is, and when it is over', () => {
    const worse = applyMessages(start, [delta(4, { devices: [{ ...device('cold-1', 9), worst: 2 }] })]).state
    expect(worse.devices.get('cold-1')?.worst).toBe(2)
    const over = applyMessages(worse, [delta(5, { devices: [device('cold-1', 4)] })]).state
    expect(over.devices.get('cold-1')?.worst).toBeNull()
  })
})

describe('applyMessages', () => {
  it('knows from a snapshot how much is stored', () => {
    expect(start.storing).toBe('everything')
    expect(applyMessages(start, [{ ...snapshot, storing: 'alarms_only' }]).state.storing).toBe('alarms_only')
  })

  it('forgets what was before a snapshot', () => {
    const next = applyMessages(start, [{ ...snapshot, devices: [device('cold-9', 1)], alarms: [] }]).state
    expect([...next.devices.keys()]).toEqual(['cold-9'])
    expect(next.alarms.size).toBe(0)
  })

  it('keeps the identity of devices that a delta does not name', () => {
    const { state } = applyMessages(start, [delta(4, { devices: [device('cold-1', 9)] })])
    expect(state.devices.get('cold-2')).toBe(start.devices.get('cold-2'))
    expect(state.devices.get('cold-1')?.values.get('cold_store.temperature')?.value).toBe(9)
    expect(state.alarms).toBe(start.alarms)
  })

  it('keeps the metrics that a delta does not list', () => {
    const { state } = applyMessages(start, [
      delta(4, { devices: [device('cold-1', 1, 'cold_store.door_open')] }),
    ])
    expect(state.devices.get('cold-1')?.values.size).toBe(2)
  })

  it('does not change the state it was given', () => {
    applyMessages(start, [
      delta(4, { devices: [device('cold-1', 9)], alarms: [alarm(1, { state: 'closed' })] }),
    ])
    expect(start.devices.get('cold-1')?.values.get('cold_store.temperature')?.value).toBe(4)
    expect(start.alarms.size).toBe(1)
  })

  it('takes a raised alarm in, and a closed one out', () => {
    const raised = applyMessages(start, [delta(4, { alarms: [alarm(2)] })]).state
    expect([...raised.alarms.keys()]).toEqual([1, 2])
    const closed = applyMessages(raised, [delta(5, { alarms: [alarm(1, { state: 'closed' })] })]).state
    expect([...closed.alarms.keys()]).toEqual([2])
  })

  it('takes a snapshot and the deltas after it in one run', () => {
    const { state } = applyMessages(emptyLive, [snapshot, delta(4, { alarms: [alarm(2)] })])
    expect(state.alarms.size).toBe(2)
    expect(state.version).toEqual({ epoch, sequence: 4 })
  })

  it.each([
    ['a message is missing', delta(5, { alarms: [alarm(2)] })],
    ['the gateway started anew', { ...delta(4, {}), version: { epoch: 8, sequence: 4 } }],
  ])('asks for a snapshot when %s', (_, message) => {
    const outcome = applyMessages(start, [message])
    expect(outcome.hasGap).toBe(true)
    expect(outcome.state.version).toEqual(start.version)
  })

  it('keeps what came before a gap in the same run', () => {
    const outcome = applyMessages(start, [delta(4, { alarms: [alarm(2)] }), delta(6, { alarms: [alarm(3)] })])
    expect(outcome.hasGap).toBe(true)
    expect([...outcome.state.alarms.keys()]).toEqual([1, 2])
    expect(outcome.state.version?.sequence).toBe(4)
  })

  it('passes over a delta it has seen', () => {
    const outcome = applyMessages(start, [delta(3, { alarms: [alarm(2)] })])
    expect(outcome).toEqual({ state: start, hasGap: false })
  })

  it('takes each snapshot for a change of the registry', () => {
    const { state } = applyMessages(start, [delta(4, {}), snapshot])
    expect(state.registryRevision).toBe(start.registryRevision + 1)
  })

  it('leaves the state as it is on a heartbeat', () => {
    expect(applyMessages(start, [{ type: 'heartbeat', at_ms: 1 }]).state).toBe(start)
  })

  it('notes the end of the session', () => {
    expect(applyMessages(start, [{ type: 'session_ended' }]).state.isEnded).toBe(true)
  })
})

describe('applyAlarm', () => {
  it('replaces the alarm, and keeps a closed one until the stream takes it out with its count', () => {
    const answered = applyAlarm(start, alarm(1, { state: 'active_acknowledged' }))
    expect(answered.alarms.get(1)?.state).toBe('active_acknowledged')
    expect(applyAlarm(start, alarm(1, { state: 'closed' })).alarms.get(1)?.state).toBe('closed')
  })

  it('does not bring back an alarm that the stream has closed', () => {
    expect(applyAlarm(start, alarm(2, { state: 'active_acknowledged' }))).toBe(start)
  })
})

describe('resumeText', () => {
  it.each([
    [null, null],
    [{ epoch: 7, sequence: 12 }, '7.12'],
    [{ epoch: 2 ** 60, sequence: 12 }, null],
  ])('of %j is %j', (version, text) => {
    expect(resumeText(version)).toBe(text)
  })
})
