/** Answering an alarm, with what came of it said on screen. */
import { useMessage } from 'naive-ui'
import { shallowRef, type ShallowRef } from 'vue'
import { acknowledgeAlarm } from '@/api/alarms'
import type { Alarm } from '@/api/types'
import { isUnacknowledged } from '@/state/alarmList'
import { takeAlarm } from '@/state/liveStore'
import { can } from '@/state/session'
import { inLanguage, text } from '@/text'

export interface Acknowledging {
  /** Alarms whose answer is on its way. */
  pending: ShallowRef<ReadonlySet<number>>
  mayAcknowledge: (alarm: Alarm) => boolean
  /** Whether it went through, or is on its way. */
  acknowledge: (alarm: Alarm, note: string) => Promise<boolean>
}

export function useAcknowledge(): Acknowledging {
  const message = useMessage()
  const pending = shallowRef<ReadonlySet<number>>(new Set())

  const mayAcknowledge = (alarm: Alarm) => can('acknowledge_alarm') && isUnacknowledged(alarm)

  async function acknowledge(alarm: Alarm, note: string): Promise<boolean> {
    if (!can('acknowledge_alarm')) {
      message.warning(text.value.alarms.notAllowed)
      return false
    }
    if (!isUnacknowledged(alarm) || pending.value.has(alarm.id)) return false
    pending.value = new Set([...pending.value, alarm.id])
    const answer = await acknowledgeAlarm(alarm.id, note)
    pending.value = new Set([...pending.value].filter((id) => id !== alarm.id))
    if (answer.kind === 'aborted') return false
    if (answer.kind === 'problem') {
      const { detail_zh, detail } = answer.problem
      message.error(`${text.value.alarms.acknowledgeFailed}: ${inLanguage(detail_zh, detail)}`, {
        duration: 8_000,
      })
      return false
    }
    if (answer.status === 202 || !answer.value) {
      message.info(text.value.alarms.acknowledgePending)
      return true
    }
    takeAlarm(answer.value)
    message.success(`${text.value.alarms.acknowledged} · ${inLanguage(alarm.title_zh, alarm.title_en)}`)
    return true
  }

  return { pending, mayAcknowledge, acknowledge }
}
