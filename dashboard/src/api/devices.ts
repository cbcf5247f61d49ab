/** Devices, places, kinds of devices, history and cameras. */
import { path, request } from './request'
import { randomKey } from './key'
import type {
  AmendmentReach,
  Camera,
  DeviceDetail,
  DeviceSummary,
  History,
  OutOfService,
  Places,
  Profile,
  Rule,
  RuleTestReport,
  SeriesHistory,
  StateHistory,
} from './types'

export const listDevices = () => request<DeviceSummary[]>('/devices')

export const getDevice = (id: string, signal?: AbortSignal) =>
  request<DeviceDetail>(path`/devices/${id}`, signal && { signal })

/** `rule` null: the device with all its rules. 202 brings nothing: the outcome will show. */
export const takeOutOfService = (id: string, rule: string | null, hours: number, why: string) =>
  request<OutOfService[] | undefined>(path`/devices/${id}/out-of-service`, {
    method: 'POST',
    body: { rule, hours, why, idempotency_key: randomKey() },
  })

export const returnToService = (id: string, rule: string | null) =>
  request<OutOfService[] | undefined>(path`/devices/${id}/in-service`, {
    method: 'POST',
    body: { rule, idempotency_key: randomKey() },
  })

/** `definition` null: only the rule as it is. */
export const testRule = (
  id: string,
  rule: string,
  span: { fromMs: number; toMs: number },
  definition: string | null,
) =>
  request<RuleTestReport>(path`/devices/${id}/rules/${rule}/test`, {
    method: 'POST',
    body: { from_ms: span.fromMs, to_ms: span.toMs, definition },
  })

/** The rule is judged in these words from now on. */
export const amendRule = (
  id: string,
  rule: string,
  body: { definition: string; reach: AmendmentReach; why: string },
) => request<Rule>(path`/devices/${id}/rules/${rule}`, { method: 'PUT', body })

/** What the amended rule stood in place of counts again. */
export const takeBackRule = (id: string, rule: string, reach: AmendmentReach) =>
  request<undefined>(path`/devices/${id}/rules/${rule}`, { method: 'DELETE', query: { reach } })

export interface HistoryQuery {
  metric: string
  from_ms: number
  to_ms: number
  /** At most so many buckets; fewer readings than that come one by one. */
  buckets: number
}

export const getHistory = (device: string, query: HistoryQuery, signal?: AbortSignal) =>
  request<History>(path`/devices/${device}/history`, { query: { ...query }, ...(signal && { signal }) })

export interface HistoriesQuery {
  series: readonly { device: string; metric: string }[]
  from_ms: number
  to_ms: number
  buckets: number
}

export const getHistories = (query: HistoriesQuery, signal?: AbortSignal) =>
  request<SeriesHistory[]>('/history', { method: 'POST', body: query, ...(signal && { signal }) })

export interface StatesQuery {
  metric: string
  from_ms: number
  to_ms: number
}

export const getStates = (device: string, query: StatesQuery, signal?: AbortSignal) =>
  request<StateHistory>(path`/devices/${device}/states`, { query: { ...query }, ...(signal && { signal }) })

export type ExportFormat = 'csv' | 'excel' | 'parquet'

/** Where the browser fetches a file of readings; `metric` null: all of the device. */
export function exportUrl(of: {
  format: ExportFormat
  fromMs: number
  toMs: number
  device: string
  metric: string | null
}): string {
  const query = new URLSearchParams({
    format: of.format,
    from_ms: String(Math.floor(of.fromMs)),
    to_ms: String(Math.ceil(of.toMs)),
    device: of.device,
    ...(of.metric !== null && { metric: of.metric }),
  })
  return `/api/v1/export?${query.toString()}`
}

export const getPlaces = () => request<Places>('/places')

export const listProfiles = () => request<Profile[]>('/profiles')

export const listCameras = (signal?: AbortSignal) => request<Camera[]>('/cameras', signal && { signal })

/** Where the newest still of a camera is; `version` makes the browser fetch a newer one. */
export const snapshotUrl = (camera: string, version: number) =>
  `/api/v1${path`/cameras/${camera}/snapshot`}?t=${version}`

export const requestSnapshot = (camera: string) =>
  request<undefined>(path`/cameras/${camera}/snapshot`, { method: 'POST' })
