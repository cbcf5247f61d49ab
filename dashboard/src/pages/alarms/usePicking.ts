/** The alarms that are picked in the console, and the case that is to be opened of them. */
import { useMessage } from 'naive-ui'
import { computed, shallowRef, type ComputedRef } from 'vue'
import type { Alarm } from '@/api/types'
import type { AlarmRow } from '@/state/alarmGroups'
import { can } from '@/state/session'
import { text } from '@/text'
import { areOfOneSite, extended, nothingPicked, pickedOf, toggled } from './picking'

interface List {
  readonly rows: ComputedRef<readonly AlarmRow[]>
  /** All alarms that the rows stand for. */
  readonly chosen: ComputedRef<readonly Alarm[]>
}

export function usePicking(list: List) {
  const message = useMessage()
  const picking = shallowRef(nothingPicked)
  const alarms = computed(() => pickedOf(picking.value, list.chosen.value))
  /** Those of which a case is about to be opened. */
  const asked = shallowRef<readonly Alarm[]>([])

  const mayPick = () => can('handle_case')
  function toggle(row: AlarmRow | null): void {
    if (row && mayPick()) picking.value = toggled(picking.value, row)
  }
  function extend(from: string | null, to: string | null): void {
    if (to !== null && mayPick()) picking.value = extended(picking.value, list.rows.value, from, to)
  }
  function clear(): void {
    picking.value = nothingPicked
  }
  /** Of the picked ones; when none is picked, of this one. */
  function openCase(alarm: Alarm | null): void {
    const subjects = alarms.value.length > 0 ? alarms.value : alarm ? [alarm] : []
    if (!mayPick() || subjects.every(({ state }) => state === 'closed')) return
    if (areOfOneSite(subjects)) asked.value = subjects
    else message.warning(text.value.cases.severalSites)
  }

  return { picking, alarms, asked, toggle, extend, clear, openCase }
}
