/** Alarms, past and present, and answering them. */
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

/** `crypto.randomUUID` is missing on plain HTTP from another machine; these 128 random bits are not. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
