/** Cases: the work that answers alarms. */
import { randomKey } from './key'
import { path, request } from './request'
import type { Assignees, CaseDetail, CasePage, CaseStepKind, CauseCode, Severity } from './types'

export interface CaseQuery {
  state?: 'open' | 'overdue' | 'closed'
  severity?: Severity
  township?: string
  is_mine?: boolean
  is_trapped?: boolean
  before?: number
  limit?: number
}

export interface StepWords {
  note?: string
  assignee?: string
  cause?: CauseCode
}

export const listCases = (query: CaseQuery, signal?: AbortSignal) =>
  request<CasePage>('/cases', { query: { ...query }, ...(signal && { signal }) })

export const getCase = (id: number, signal?: AbortSignal) =>
  request<CaseDetail>(path`/cases/${id}`, signal && { signal })

export const listAssignees = (id: number, signal?: AbortSignal) =>
  request<Assignees>(path`/cases/${id}/assignees`, signal && { signal })

export const openCase = (alarms: readonly number[], note: string, key: string) =>
  request<CaseDetail>('/cases', { method: 'POST', body: { alarms, note, idempotency_key: key } })

/** `key` is made once per key press: sent again when no answer came, the step is answered, not repeated. */
export const takeStep = (id: number, step: CaseStepKind, words: StepWords, key: string) =>
  request<CaseDetail>(path`/cases/${id}/steps`, {
    method: 'POST',
    body: { step, ...words, idempotency_key: key },
  })

export const addNote = (id: number, note: string, key: string) =>
  request<CaseDetail>(path`/cases/${id}/notes`, { method: 'POST', body: { note, idempotency_key: key } })

export const addPhoto = (id: number, photo: Blob) =>
  request<CaseDetail>(path`/cases/${id}/photos`, {
    method: 'POST',
    query: { idempotency_key: randomKey() },
    file: photo,
  })

export const photoAddress = (id: number, number: number) => `/api/v1${path`/cases/${id}/photos/${number}`}`
