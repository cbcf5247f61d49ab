/** Where somebody is reached: read, changed, saved. */
import { useMessage } from 'naive-ui'
import { shallowRef, watch, type ShallowRef } from 'vue'
import { getContact, putContact } from '@/api/notify'
import type { ContactDraft, Problem } from '@/api/types'
import { text } from '@/text'
import { useLoad, type Loader } from './useLoad'

export interface ContactEditor extends Loader<ContactDraft> {
  /** null: not read yet. */
  draft: ShallowRef<ContactDraft | null>
  isBusy: ShallowRef<boolean>
  problem: ShallowRef<Problem | null>
  save: () => Promise<void>
}

/** `whose`: an account's number, `own`, or null for nobody. */
export function useContact(whose: () => number | 'own' | null): ContactEditor {
  const message = useMessage()
  const draft = shallowRef<ContactDraft | null>(null)
  const isBusy = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)
  const numberOf = (user: number | 'own') => (user === 'own' ? null : user)
  const { load, reload } = useLoad(whose, (user, signal) => getContact(numberOf(user), signal))

  watch(load, (now) => {
    draft.value = now.kind === 'ready' ? now.value : null
    problem.value = null
  })

  async function save(): Promise<void> {
    const user = whose()
    if (user === null || !draft.value) return
    isBusy.value = true
    const answer = await putContact(numberOf(user), draft.value)
    isBusy.value = false
    problem.value = answer.kind === 'problem' ? answer.problem : null
    if (answer.kind !== 'ok') return
    message.success(text.value.common.saved)
    await reload()
  }
  return { load, reload, draft, isBusy, problem, save }
}
