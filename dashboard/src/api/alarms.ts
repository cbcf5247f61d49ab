/** Alarms, past and present, and answering them. */
import { randomKey } from './key'
import { path, request } from './request'
import type { Alarm, AlarmDetail, AlarmPage, Severity } from './types'

export interface AlarmQuery {
  state?: 'open' | 'closed' | 'all'
  severity?: Severity
  township?: string
  device?: string
  before?: number
  limit?: number
}

export const listAlarms = (query: AlarmQuery, signal?: AbortSignal) =>
  request<AlarmPage>('/alarms', { query: { ...query }, ...(signal && { signal }) })

export const getAlarm = (id: number, signal?: AbortSignal) =>
  request<AlarmDetail>(path`/alarms/${id}`, signal && { signal })

/** 200 brings the changed alarm; 202 says that the live stream will. */
export const acknowledgeAlarm = (id: number, note: string) =>
  request<Alarm | undefined>(path`/alarms/${id}/acknowledge`, {
    method: 'POST',
    body: { note, idempotency_key: randomKey() },
  })

export const resetAlarm = (id: number) => act(path`/alarms/${id}/reset`, {})

export const unshelveAlarm = (id: number) => act(path`/alarms/${id}/unshelve`, {})

export const shelveAlarm = (id: number, minutes: number, why: string) =>
  act(path`/alarms/${id}/shelve`, { minutes, why })

const act = (at: string, body: Record<string, unknown>) =>
  request<Alarm | undefined>(at, { method: 'POST', body: { ...body, idempotency_key: randomKey() } })
