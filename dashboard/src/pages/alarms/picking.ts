/** Several alarms of the list taken together: by one key each, or a whole run of rows. Pure. */
import type { Alarm } from '@/api/types'
import type { AlarmRow } from '@/state/alarmGroups'

export interface Picking {
  readonly ids: ReadonlySet<number>
  /** Key of the row from which a run goes. */
  readonly anchor: string | null
  /** What was picked when the run began: a run that is made shorter gives back what it took. */
  readonly before: ReadonlySet<number>
}

const none: ReadonlySet<number> = new Set()
export const nothingPicked: Picking = { ids: none, anchor: null, before: none }

const canBePicked = (alarm: Alarm) => alarm.state !== 'closed'

/** Takes this row's alarm, or gives it back; the next run goes from here. */
export function toggled(picking: Picking, row: AlarmRow): Picking {
  if (row.kind !== 'alarm' || !canBePicked(row.alarm)) return picking
  const ids = new Set(picking.ids)
  if (!ids.delete(row.alarm.id)) ids.add(row.alarm.id)
  return { ids, anchor: row.key, before: ids }
}

/** Takes all alarms from the anchor to this row; without an anchor in the list, from `from` on. */
export function extended(
  picking: Picking,
  rows: readonly AlarmRow[],
  from: string | null,
  to: string,
): Picking {
  const at = (key: string | null) => rows.findIndex((row) => row.key === key)
  const hasAnchor = at(picking.anchor) !== -1
  const anchor = hasAnchor ? picking.anchor : from
  const before = hasAnchor ? picking.before : picking.ids
  const end = at(to)
  if (end === -1) return picking
  const start = at(anchor) === -1 ? end : at(anchor)
  const run = rows.slice(Math.min(start, end), Math.max(start, end) + 1)
  const taken = run.flatMap((row) => (row.kind === 'alarm' && canBePicked(row.alarm) ? [row.alarm.id] : []))
  return { ids: new Set([...before, ...taken]), anchor: anchor ?? to, before }
}

/** The picked alarms that are still on the list, in its order. */
export const pickedOf = ({ ids }: Picking, alarms: readonly Alarm[]): Alarm[] =>
  alarms.filter((alarm) => ids.has(alarm.id) && canBePicked(alarm))

/** One case has one address to go to. */
export const areOfOneSite = (alarms: readonly Alarm[]) => new Set(alarms.map(({ site }) => site)).size <= 1
