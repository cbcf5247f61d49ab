/** Who is on duty, rosters, and what one shift leaves to the next. */
import { path, request } from './request'
import type { OnDuty, Roster, Shift, ShiftDraft } from './types'

export const listOnDuty = (signal?: AbortSignal) => request<OnDuty[]>('/duty/on-duty', signal && { signal })

export const readRoster = (post: string, from_ms: number, to_ms: number, signal?: AbortSignal) =>
  request<Roster>('/duty/roster', { query: { post, from_ms, to_ms }, ...(signal && { signal }) })

export const saveShift = (id: number | null, draft: ShiftDraft) =>
  id === null
    ? request<Shift>('/duty/shifts', { method: 'POST', body: draft })
    : request<Shift>(path`/duty/shifts/${id}`, { method: 'PUT', body: draft })

export const removeShift = (id: number) => request<undefined>(path`/duty/shifts/${id}`, { method: 'DELETE' })

export const handOver = (post: string, note: string) =>
  request<undefined>('/duty/handovers', { method: 'POST', body: { post, note } })
