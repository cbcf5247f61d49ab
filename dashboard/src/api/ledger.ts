/** What became of the edge nodes' readings. */
import { request } from './request'
import type { Ledger } from './types'

/** `node` null: all of them. */
export const readLedger = (
  { fromMs, toMs, node }: { fromMs: number; toMs: number; node: string | null },
  signal?: AbortSignal,
) =>
  request<Ledger>('/ledger', {
    query: { from_ms: fromMs, to_ms: toMs, ...(node !== null && { node }) },
    ...(signal && { signal }),
  })
