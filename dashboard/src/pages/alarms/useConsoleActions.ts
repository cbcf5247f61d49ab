/** What the console's keys and buttons do, and the dialogs that stand in between. */
import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import type { Alarm } from '@/api/types'
import type { AlarmRow } from '@/state/alarmGroups'
import { groupings, type AlarmFilter } from '@/state/alarmList'
import { pressSoundButton } from '@/state/sound'
import { text } from '@/text'
import { useAcknowledge } from './useAcknowledge'
import type { useAlarmRows } from './useAlarmRows'
import { useGroupAnswer } from './useGroupAnswer'
import { useKeys } from './useKeys'
import { useLifeCycle } from './useLifeCycle'
import { usePicking } from './usePicking'

/** As most products shelve: an hour. */
const proposedMinutes = 60

interface Console {
  readonly list: ReturnType<typeof useAlarmRows>
  readonly filter: ShallowRef<AlarmFilter>
  readonly chosenRow: ComputedRef<AlarmRow | null>
  readonly isOpened: () => boolean
  readonly open: (id: number | null) => void
  readonly choose: (row: AlarmRow) => void
  readonly move: (step: 1 | -1) => void
  readonly focusSearch: () => void
}

export function useConsoleActions(of: Console) {
  const { list, filter, chosenRow, isOpened, open, choose, move, focusSearch } = of
  const groupAnswer = useGroupAnswer({ ...list, filter })
  const picking = usePicking(list)
  const chosenAlarm = computed(() => (chosenRow.value?.kind === 'alarm' ? chosenRow.value.alarm : null))

  const { pending, mayAcknowledge, acknowledge } = useAcknowledge()
  const noted = shallowRef<Alarm | null>(null)
  async function answer(alarm: Alarm, note = ''): Promise<void> {
    noted.value = null
    if ((await acknowledge(alarm, note)) && !list.isOpenList.value) list.restart()
  }

  const life = useLifeCycle()
  const shelved = shallowRef<Alarm | null>(null)
  function shelve(alarm: Alarm, minutes: number, why: string): void {
    shelved.value = null
    void life.shelve(alarm, minutes, why)
  }
  function shelveOrUnshelve(alarm: Alarm): void {
    if (life.mayUnshelve(alarm)) void life.unshelve(alarm)
    else if (life.mayShelve(alarm)) shelved.value = alarm
  }
  function acceptProposal(alarm: Alarm): void {
    if (life.isShelvingProposed(alarm))
      void life.shelve(alarm, proposedMinutes, text.value.alarms.chatteringReason)
  }

  const isDialogOpen = computed(
    () =>
      noted.value !== null ||
      shelved.value !== null ||
      groupAnswer.asked.value !== null ||
      picking.asked.value.length > 0,
  )
  function pickAlong(step: 1 | -1): void {
    if (isDialogOpen.value) return
    const from = chosenRow.value?.key ?? null
    move(step)
    picking.extend(from, chosenRow.value?.key ?? null)
  }
  const isHelpShown = shallowRef(false)
  useKeys({
    next: () => {
      move(1)
    },
    previous: () => {
      move(-1)
    },
    open: () => {
      if (chosenRow.value && !isDialogOpen.value) choose(chosenRow.value)
    },
    acknowledge: () => {
      if (isDialogOpen.value) return
      if (chosenRow.value?.kind === 'group') void groupAnswer.ask(chosenRow.value.head)
      const alarm = chosenAlarm.value
      if (!alarm || !mayAcknowledge(alarm)) return
      // The next in the list is chosen first: an answered alarm moves down.
      if (!isOpened()) move(1)
      void answer(alarm)
    },
    note: () => {
      const alarm = chosenAlarm.value
      if (alarm && mayAcknowledge(alarm)) noted.value = alarm
    },
    shelve: () => {
      if (chosenAlarm.value) shelveOrUnshelve(chosenAlarm.value)
    },
    propose: () => {
      if (chosenAlarm.value) acceptProposal(chosenAlarm.value)
    },
    reset: () => {
      if (chosenAlarm.value && life.mayReset(chosenAlarm.value)) void life.reset(chosenAlarm.value)
    },
    pick: () => {
      if (!isDialogOpen.value) picking.toggle(chosenRow.value)
    },
    pickNext: () => {
      pickAlong(1)
    },
    pickPrevious: () => {
      pickAlong(-1)
    },
    openCase: () => {
      if (!isDialogOpen.value) picking.openCase(chosenAlarm.value)
    },
    group: () => {
      const next = (groupings.indexOf(filter.value.grouping) + 1) % groupings.length
      filter.value = { ...filter.value, grouping: groupings[next] ?? 'none' }
    },
    search: () => focusSearch(),
    mute: () => void pressSoundButton(),
    help: () => (isHelpShown.value = !isHelpShown.value),
    escape: () => {
      if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur()
      else if (isHelpShown.value) isHelpShown.value = false
      else if (noted.value) noted.value = null
      else if (shelved.value) shelved.value = null
      else if (groupAnswer.asked.value) groupAnswer.asked.value = null
      else if (picking.asked.value.length > 0) picking.asked.value = []
      else if (picking.alarms.value.length > 0) picking.clear()
      else if (isOpened()) open(null)
    },
  })

  return {
    groupAnswer,
    picking,
    pending,
    mayAcknowledge,
    noted,
    answer,
    shelved,
    shelve,
    shelveOrUnshelve,
    acceptProposal,
    reset: life.reset,
    isHelpShown,
  }
}
