/**
 * The present of the jurisdiction, as one pure reducer over the gateway's messages.
 *
 * What did not change keeps its identity, so that a screen redraws only what a message touched.
 */
import type {
  Alarm,
  AlarmCount,
  DeviceLive,
  LinkState,
  LiveMessage,
  Point,
  Severity,
  Storing,
  Version,
} from '@/api/types'

/** The present of one device. */
export interface LiveDevice {
  readonly link: LinkState
  readonly linkSinceMs: number
  /** How bad the worst of its open alarms is; null: it has none. */
  readonly worst: Severity | null
  readonly values: ReadonlyMap<string, Point>
}

export interface LiveState {
  /** Position in the gateway's stream; null before the first snapshot. */
  readonly version: Version | null
  readonly devices: ReadonlyMap<string, LiveDevice>
  /** Open alarms that need people first: all of them, or in a flood as many as the gateway sends. */
  readonly alarms: ReadonlyMap<number, Alarm>
  /** All open alarms, counted by township and kind of device. */
  readonly alarmCounts: ReadonlyMap<string, AlarmCount>
  /** Rises with each snapshot: the gateway sends one anew when the registry changed. */
  readonly registryRevision: number
  /** How much of what happens reaches the gateway's disk. */
  readonly storing: Storing
  /** The account may no longer look: signed out elsewhere, disabled, or moved. */
  readonly isEnded: boolean
}

export const emptyLive: LiveState = {
  version: null,
  devices: new Map(),
  alarms: new Map(),
  alarmCounts: new Map(),
  registryRevision: 0,
  storing: 'everything',
  isEnded: false,
}

/** What came of a run of messages; `hasGap`: one is missing, so a new snapshot is needed. */
export interface LiveOutcome {
  readonly state: LiveState
  readonly hasGap: boolean
}

/** Takes the messages of one animation frame together: each map is copied at most once. */
export function applyMessages(before: LiveState, messages: readonly LiveMessage[]): LiveOutcome {
  let state = before
  let devices: Map<string, LiveDevice> | null = null
  let alarms: Map<number, Alarm> | null = null
  let counts: Map<string, AlarmCount> | null = null

  for (const message of messages) {
    switch (message.type) {
      case 'snapshot':
        devices = new Map(message.devices.map((device) => [device.id, mergeDevice(undefined, device)]))
        alarms = new Map(message.alarms.map((alarm) => [alarm.id, alarm]))
        counts = new Map(message.alarm_counts.map((count) => [countKey(count), count]))
        state = {
          ...state,
          version: message.version,
          storing: message.storing ?? 'everything',
          registryRevision: state.registryRevision + 1,
          isEnded: false,
        }
        break
      case 'delta': {
        const order = orderOf(state.version, message.version)
        if (order === 'known') break
        if (order === 'gap') return { state: settle(state, devices, alarms, counts), hasGap: true }
        devices ??= message.devices?.length ? new Map(state.devices) : null
        for (const device of message.devices ?? []) {
          devices?.set(device.id, mergeDevice(devices.get(device.id), device))
        }
        if (message.alarms?.length || message.displaced_alarms?.length) alarms ??= new Map(state.alarms)
        for (const alarm of message.alarms ?? []) {
          if (alarm.state === 'closed') alarms?.delete(alarm.id)
          else alarms?.set(alarm.id, alarm)
        }
        for (const id of message.displaced_alarms ?? []) alarms?.delete(id)
        counts ??= message.alarm_counts?.length ? new Map(state.alarmCounts) : null
        for (const count of message.alarm_counts ?? []) counts?.set(countKey(count), count)
        state = { ...state, version: message.version }
        break
      }
      case 'heartbeat':
        break
      case 'session_ended':
        state = { ...state, isEnded: true }
        break
    }
  }
  return { state: settle(state, devices, alarms, counts), hasGap: false }
}

/**
 * Puts an alarm that a request answered with in place, without waiting for the stream to bring it. One that is over stays
 * until the stream takes it out together with its count, so that the two never disagree; lists of open ones pass it over.
 * One that the stream has closed meanwhile stays closed.
 */
export function applyAlarm(state: LiveState, alarm: Alarm): LiveState {
  if (!state.alarms.has(alarm.id)) return state
  return { ...state, alarms: new Map(state.alarms).set(alarm.id, alarm) }
}

/**
 * The text for `?resume=`; null: ask for a snapshot. An epoch beyond 2^53 cannot be held exactly by a browser, and a
 * wrong one would only cost a snapshot, which is what null asks for at once.
 */
export function resumeText(version: Version | null): string | null {
  if (!version || !Number.isSafeInteger(version.epoch)) return null
  return `${version.epoch}.${version.sequence}`
}

function settle(
  state: LiveState,
  devices: ReadonlyMap<string, LiveDevice> | null,
  alarms: ReadonlyMap<number, Alarm> | null,
  counts: ReadonlyMap<string, AlarmCount> | null,
): LiveState {
  if (!devices && !alarms && !counts) return state
  return {
    ...state,
    devices: devices ?? state.devices,
    alarms: alarms ?? state.alarms,
    alarmCounts: counts ?? state.alarmCounts,
  }
}

const countKey = ({ township, profile }: AlarmCount) => `${township} ${profile ?? ''}`

function orderOf(have: Version | null, next: Version): 'next' | 'known' | 'gap' {
  if (!have || have.epoch !== next.epoch) return 'gap'
  if (next.sequence <= have.sequence) return 'known'
  return next.sequence === have.sequence + 1 ? 'next' : 'gap'
}

function mergeDevice(before: LiveDevice | undefined, change: DeviceLive): LiveDevice {
  let values = before?.values ?? new Map<string, Point>()
  if (change.values.length > 0) {
    const merged = new Map(values)
    for (const { metric, at_ms, value, quality } of change.values) {
      merged.set(metric, { at_ms, value: value ?? null, quality })
    }
    values = merged
  }
  return { link: change.link, linkSinceMs: change.link_since_ms, worst: change.worst ?? null, values }
}
