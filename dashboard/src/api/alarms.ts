/** Alarms, past and present, and answering them. */
import { randomKey } from './key'
import { path, request } from './request'
import type {
  AcknowledgedMany,
  Alarm,
  AlarmCamera,
  AlarmDetail,
  AlarmGrouping,
  AlarmGroups,
  AlarmPage,
  AlarmQuality,
  ClimbingAlarm,
} from './types'

export interface AlarmQuery {
  state?: 'open' | 'waiting' | 'calling' | 'set_aside' | 'closed' | 'all'
  /** Numbers with commas between. */
  severity?: string
  township?: string
  site?: string
  edge?: string
  device?: string
  rule?: string
  search?: string
  from_ms?: number
  to_ms?: number
  after?: number
  limit?: number
}

export const listAlarms = (query: AlarmQuery, signal?: AbortSignal) =>
  request<AlarmPage>('/alarms', { query: { ...query }, ...(signal && { signal }) })

export const getAlarm = (id: number, signal?: AbortSignal) =>
  request<AlarmDetail>(path`/alarms/${id}`, signal && { signal })

export const listAlarmPictures = (id: number, signal?: AbortSignal) =>
  request<AlarmCamera[]>(path`/alarms/${id}/pictures`, signal && { signal })

export const alarmPictureAddress = (id: number, camera: string, takenAtMs: number) =>
  `/api/v1${path`/alarms/${id}/pictures/${camera}/${takenAtMs}`}`

/** 200 brings the changed alarm; 202 says that the live stream will. */
export const acknowledgeAlarm = (id: number, note: string) =>
  request<Alarm | undefined>(path`/alarms/${id}/acknowledge`, {
    method: 'POST',
    body: { note, idempotency_key: randomKey() },
  })

/** At most 200; those of severity I are refused: they are answered one by one. */
export const acknowledgeAlarms = (alarms: readonly number[], note: string) =>
  request<AcknowledgedMany>('/alarms/acknowledge', {
    method: 'POST',
    body: { alarms, note, idempotency_key: randomKey() },
  })

/** Unanswered ones that are told further up within so many seconds, the soonest first. */
export const listClimbing = (withinS: number, signal?: AbortSignal) =>
  request<ClimbingAlarm[]>('/alarms/climbing', { query: { within_s: withinS }, ...(signal && { signal }) })

export const listAlarmGroups = (
  by: AlarmGrouping,
  query: Pick<AlarmQuery, 'state' | 'severity' | 'township'>,
  signal?: AbortSignal,
) => request<AlarmGroups>('/alarms/groups', { query: { by, ...query }, ...(signal && { signal }) })

export const readAlarmQuality = (
  query: { from_ms: number; to_ms: number; township?: string },
  signal?: AbortSignal,
) => request<AlarmQuality>('/alarm-quality', { query: { ...query }, ...(signal && { signal }) })

export const resetAlarm = (id: number) => act(path`/alarms/${id}/reset`, {})

export const unshelveAlarm = (id: number) => act(path`/alarms/${id}/unshelve`, {})

export const shelveAlarm = (id: number, minutes: number, why: string) =>
  act(path`/alarms/${id}/shelve`, { minutes, why })

const act = (at: string, body: Record<string, unknown>) =>
  request<Alarm | undefined>(at, { method: 'POST', body: { ...body, idempotency_key: randomKey() } })
