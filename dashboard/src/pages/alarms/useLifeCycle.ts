/** Shelving, unshelving and resetting alarms, with what came of it said on screen. */
import { useMessage } from 'naive-ui'
import { resetAlarm, shelveAlarm, unshelveAlarm } from '@/api/alarms'
import type { Answer } from '@/api/request'
import type { Alarm } from '@/api/types'
import { isChattering, isSetAside } from '@/state/alarmList'
import { now } from '@/state/clock'
import { takeAlarm } from '@/state/liveStore'
import { can } from '@/state/session'
import { inLanguage, text } from '@/text'

export interface LifeCycle {
  mayShelve: (alarm: Alarm) => boolean
  /** It chatters: shelving it for an hour is proposed, and one key accepts. */
  isShelvingProposed: (alarm: Alarm) => boolean
  mayUnshelve: (alarm: Alarm) => boolean
  mayReset: (alarm: Alarm) => boolean
  shelve: (alarm: Alarm, minutes: number, why: string) => Promise<void>
  unshelve: (alarm: Alarm) => Promise<void>
  reset: (alarm: Alarm) => Promise<void>
}

export function useLifeCycle(): LifeCycle {
  const message = useMessage()

  async function tell(word: string, asked: Promise<Answer<Alarm | undefined>>): Promise<void> {
    const answer = await asked
    if (answer.kind === 'aborted') return
    if (answer.kind === 'problem') {
      const { detail_zh, detail } = answer.problem
      message.error(`${text.value.alarms.failed(word)} · ${inLanguage(detail_zh, detail)}`, {
        duration: 8_000,
      })
      return
    }
    if (answer.status === 202 || !answer.value) {
      message.info(text.value.alarms.acknowledgePending)
      return
    }
    takeAlarm(answer.value)
    message.success(text.value.alarms.done(word))
  }

  const mayShelve = (alarm: Alarm) =>
    can('shelve_alarm') && alarm.severity !== 1 && alarm.state !== 'closed' && !isSetAside(alarm)

  return {
    mayShelve,
    isShelvingProposed: (alarm) => mayShelve(alarm) && isChattering(alarm, now.value),
    mayUnshelve: (alarm) => can('shelve_alarm') && alarm.state === 'shelved',
    mayReset: (alarm) => can('acknowledge_alarm') && alarm.state === 'latched_acknowledged',
    shelve: (alarm, minutes, why) => tell(text.value.alarms.shelve, shelveAlarm(alarm.id, minutes, why)),
    unshelve: (alarm) => tell(text.value.alarms.unshelve, unshelveAlarm(alarm.id)),
    reset: (alarm) => tell(text.value.alarms.reset, resetAlarm(alarm.id)),
  }
}
