/** Devices, places, kinds of devices, history and cameras. */
import { path, request } from './request'
import { randomKey } from './key'
import type {
  Camera,
  DeviceDetail,
  DeviceSummary,
  History,
  OutOfService,
  Places,
  Profile,
  RuleTestReport,
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

export interface HistoryQuery {
  metric: string
  from_ms: number
  to_ms: number
  /** At most so many buckets; fewer readings than that come one by one. */
  buckets: number
}

export const getHistory = (device: string, query: HistoryQuery, signal?: AbortSignal) =>
  request<History>(path`/devices/${device}/history`, { query: { ...query }, ...(signal && { signal }) })

export const getPlaces = () => request<Places>('/places')

export const listProfiles = () => request<Profile[]>('/profiles')

export const listCameras = (signal?: AbortSignal) => request<Camera[]>('/cameras', signal && { signal })

/** Where the newest still of a camera is; `version` makes the browser fetch a newer one. */
export const snapshotUrl = (camera: string, version: number) =>
  `/api/v1${path`/cameras/${camera}/snapshot`}?t=${version}`

export const requestSnapshot = (camera: string) =>
  request<undefined>(path`/cameras/${camera}/snapshot`, { method: 'POST' })
