/** Answering a whole group: those that are on the list, or in a flood those that the gateway lists first. */
import { useMessage } from 'naive-ui'
import { shallowRef, type ShallowRef } from 'vue'
import { acknowledgeAlarms, listAlarms } from '@/api/alarms'
import type { Alarm } from '@/api/types'
import { answerable, answeredAtOnce, type GroupHead, type GroupOf } from '@/state/alarmGroups'
import type { AlarmFilter } from '@/state/alarmList'
import { takeAlarm } from '@/state/liveStore'
import { can } from '@/state/session'
import { inLanguage, text } from '@/text'
import { queryOf, queryOfGroup } from './alarmQuery'

interface List {
  readonly filter: ShallowRef<AlarmFilter>
  readonly chosen: { readonly value: readonly Alarm[] }
  readonly isFlood: { readonly value: boolean }
  readonly groupOf: { readonly value: GroupOf }
}

export function useGroupAnswer(list: List) {
  const message = useMessage()
  /** The group that is asked about; null: none. */
  const asked = shallowRef<{ head: GroupHead; alarms: readonly number[] } | null>(null)
  const isSending = shallowRef(false)

  /** Severity I apart: those are answered one by one. */
  const mayAnswer = ({ waiting }: GroupHead) =>
    can('acknowledge_alarm') && waiting[1] + waiting[2] + waiting[3] > 0

  async function ask(head: GroupHead): Promise<void> {
    if (!mayAnswer(head)) return
    const ids = answerable(await alarmsOf(head)).slice(0, answeredAtOnce)
    if (ids.length > 0) asked.value = { head, alarms: ids }
  }

  async function alarmsOf({ key }: GroupHead): Promise<readonly Alarm[]> {
    const { filter, chosen, isFlood, groupOf } = list
    if (!isFlood.value) return chosen.value.filter((alarm) => groupOf.value(alarm)?.key === key)
    const { severities, grouping } = filter.value
    const wanted = (severities.length > 0 ? severities : [2, 3, 4]).filter((severity) => severity !== 1)
    if (wanted.length === 0 || grouping === 'none') return []
    const query = { ...queryOf(filter.value), state: 'waiting' as const, severity: wanted.join(',') }
    const answer = await listAlarms({ ...query, ...queryOfGroup(grouping, key), limit: answeredAtOnce })
    return answer.kind === 'ok' ? answer.value.alarms : []
  }

  async function send(note: string): Promise<void> {
    if (asked.value === null || isSending.value) return
    isSending.value = true
    const answer = await acknowledgeAlarms(asked.value.alarms, note)
    isSending.value = false
    asked.value = null
    if (answer.kind === 'aborted') return
    if (answer.kind === 'problem') {
      const { detail_zh, detail } = answer.problem
      message.error(`${text.value.alarms.acknowledgeFailed}: ${inLanguage(detail_zh, detail)}`, {
        duration: 8_000,
      })
      return
    }
    const { acknowledged, pending, refused } = answer.value
    acknowledged.forEach(takeAlarm)
    const words = text.value.alarms.group.answered(acknowledged.length, pending.length, refused.length)
    if (refused.length > 0) message.warning(words, { duration: 8_000 })
    else message.success(words)
  }

  return { asked, isSending, mayAnswer, ask, send }
}
