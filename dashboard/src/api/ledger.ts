/** What became of the edge nodes' readings. */
import { request } from './request'
import type { Ledger } from './types'

export const readLedger = (fromMs: number, toMs: number, signal?: AbortSignal) =>
  request<Ledger>('/ledger', { query: { from_ms: fromMs, to_ms: toMs }, ...(signal && { signal }) })
