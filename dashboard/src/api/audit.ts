/** What people did, for those who may read it. */
import { request } from './request'
import type { AuditPage } from './types'

export const listAudit = (before: number | null, signal?: AbortSignal) =>
  request<AuditPage>('/audit', { query: { ...(before !== null && { before }) }, ...(signal && { signal }) })
