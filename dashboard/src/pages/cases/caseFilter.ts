/** Which cases the list shows; remembered by the browser. */
import type { CaseQuery } from '@/api/cases'
import { severities } from '@/state/alarmList'
import type { Severity } from '@/api/types'

export const selections = ['open', 'overdue', 'closed'] as const

export interface CaseFilter {
  readonly state: (typeof selections)[number]
  readonly severity: Severity | null
  readonly township: string | null
  readonly isMine: boolean
}

export const everything: CaseFilter = { state: 'open', severity: null, township: null, isMine: false }

/** A remembered filter may be of an older version of this page. */
export function isCaseFilter(value: unknown): value is CaseFilter {
  if (typeof value !== 'object' || value === null) return false
  const { state, severity, township, isMine }: Partial<Record<keyof CaseFilter, unknown>> = value
  return (
    selections.some((one) => one === state) &&
    (severity === null || severities.some((one) => one === severity)) &&
    (township === null || typeof township === 'string') &&
    typeof isMine === 'boolean'
  )
}

export const isNarrowed = ({ severity, township, isMine }: CaseFilter) =>
  severity !== null || township !== null || isMine

export function asQuery({ state, severity, township, isMine }: CaseFilter): CaseQuery {
  return {
    state,
    ...(severity !== null && { severity }),
    ...(township !== null && { township }),
    ...(isMine && { is_mine: true }),
  }
}
