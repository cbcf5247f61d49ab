/** Alarms gathered by site, edge node or rule, as the rows of a list. Pure. */
import type { Alarm, AlarmGroup, AlarmGrouping, BySeverity, Severity } from '@/api/types'
import { byNeed, isUnacknowledged, severities } from './alarmList'

export interface GroupHead {
  readonly key: string
  readonly nameZh: string
  readonly nameEn: string
  /** Those that wait for an answer, by severity. */
  readonly waiting: BySeverity
  readonly count: number
  /** The one that needs people first. */
  readonly first: Alarm
}

export type AlarmRow =
  | { readonly kind: 'alarm'; readonly key: string; readonly alarm: Alarm; readonly isInGroup: boolean }
  | { readonly kind: 'group'; readonly key: string; readonly head: GroupHead; readonly isOpen: boolean }

/** Names what an alarm is gathered under; null: nothing, it stands in no group. */
export type GroupOf = (alarm: Alarm) => { key: string; nameZh: string; nameEn: string } | null

/** Who needs what a group is called by. */
export function groupOf(
  by: AlarmGrouping,
  nodeOf: (device: string) => { id: string; name: string } | null,
): GroupOf {
  switch (by) {
    case 'site':
      return ({ site, site_name: name }) => ({ key: site, nameZh: name, nameEn: name })
    case 'rule':
      return ({ rule, title_zh, title_en }) => ({ key: rule, nameZh: title_zh, nameEn: title_en })
    case 'edge':
      return ({ device }) => {
        const node = nodeOf(device)
        return node && { key: node.id, nameZh: node.name, nameEn: node.name }
      }
  }
}

/** Groups in the order in which they need people. */
export function gather(alarms: readonly Alarm[], of: GroupOf): GroupHead[] {
  const heads = new Map<string, GroupHead>()
  for (const alarm of [...alarms].sort(byNeed)) {
    const group = of(alarm)
    if (!group) continue
    const { key, nameZh, nameEn } = group
    const head = heads.get(key) ?? { key, nameZh, nameEn, waiting: [0, 0, 0, 0], count: 0, first: alarm }
    const waiting = isUnacknowledged(alarm) ? oneMore(head.waiting, alarm.severity) : head.waiting
    heads.set(key, { ...head, waiting, count: head.count + 1 })
  }
  return [...heads.values()]
}

/** What the gateway counted, in a flood. */
export function headOf(group: AlarmGroup, isSetAsideShown: boolean): GroupHead {
  const parts = isSetAsideShown ? [group.set_aside] : [group.waiting, group.answered]
  return {
    key: group.key,
    nameZh: group.name_zh,
    nameEn: group.name_en,
    waiting: isSetAsideShown ? [0, 0, 0, 0] : group.waiting,
    count: parts.flatMap((part) => [...part]).reduce((sum, each) => sum + each, 0),
    first: group.first,
  }
}

/** The heads, each open one followed by its alarms. */
export function groupRows(
  heads: readonly GroupHead[],
  alarms: readonly Alarm[],
  of: GroupOf,
  open: ReadonlySet<string>,
): AlarmRow[] {
  return heads.flatMap((head): AlarmRow[] => {
    const isOpen = open.has(head.key)
    const row: AlarmRow = { kind: 'group', key: `group ${head.key}`, head, isOpen }
    if (!isOpen) return [row]
    return [
      row,
      ...alarmRows(
        alarms.filter((alarm) => of(alarm)?.key === head.key),
        true,
      ),
    ]
  })
}

export const alarmRows = (alarms: readonly Alarm[], isInGroup = false): AlarmRow[] =>
  alarms.map((alarm) => ({ kind: 'alarm', key: alarmKey(alarm.id), alarm, isInGroup }))

export const alarmKey = (id: number) => `alarm ${id}`

/** At most so many alarms are answered by one request. */
export const answeredAtOnce = 200

/** The alarms of a group that are answered together: those of severity I are answered one by one. */
export const answerable = (alarms: readonly Alarm[]) =>
  alarms.filter((alarm) => isUnacknowledged(alarm) && alarm.severity !== 1).map(({ id }) => id)

export const worstOf = ({ waiting, first }: GroupHead): Severity =>
  severities.find((severity) => (waiting[severity - 1] ?? 0) > 0) ?? first.severity

function oneMore(counts: BySeverity, severity: Severity): BySeverity {
  const [i, ii, iii, iv] = counts
  const add = (of: Severity) => (of === severity ? 1 : 0)
  return [i + add(1), ii + add(2), iii + add(3), iv + add(4)]
}
