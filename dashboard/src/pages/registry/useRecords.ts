/** A list of records that can be changed: load, save, remove, and what was refused. */
import { useDialog, useMessage } from 'naive-ui'
import { shallowRef } from 'vue'
import type { Answer } from '@/api/request'
import type { Problem } from '@/api/types'
import { useLoad } from '@/state/useLoad'
import { inLanguage, text } from '@/text'

/** `Row` is what the list shows of a record, when that is more than what is written. */
export function useRecords<T, Row = T>(list: () => Promise<Answer<Row[]>>) {
  const message = useMessage()
  const dialog = useDialog()
  const { load, reload } = useLoad(() => 'all', list)
  /** What is being written; null: nothing. */
  const draft = shallowRef<T | null>(null)
  /** Whether the record exists already: its id is then fixed. */
  const isOld = shallowRef(false)
  const isBusy = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)

  function write(record: T, exists: boolean): void {
    problem.value = null
    isOld.value = exists
    draft.value = record
  }
  function stop(): void {
    draft.value = null
  }

  async function save(send: () => Promise<Answer<unknown>>): Promise<boolean> {
    isBusy.value = true
    problem.value = null
    const answer = await send()
    isBusy.value = false
    if (answer.kind === 'problem') problem.value = answer.problem
    if (answer.kind !== 'ok') return false
    stop()
    message.success(text.value.common.saved)
    await reload()
    return true
  }

  /** Asks first; `done` is said when it went through. */
  function askThen(question: string, verb: string, send: () => Promise<Answer<unknown>>, done: string): void {
    dialog.warning({
      title: question,
      positiveText: verb,
      negativeText: text.value.common.cancel,
      onPositiveClick: async () => {
        const answer = await send()
        if (answer.kind === 'ok') message.success(done)
        if (answer.kind === 'problem') {
          message.error(inLanguage(answer.problem.detail_zh, answer.problem.detail), { duration: 8_000 })
        }
        await reload()
      },
    })
  }
  function remove(name: string, send: () => Promise<Answer<unknown>>): void {
    const words = text.value
    askThen(words.registry.removeAsk(name), words.common.remove, send, words.common.removed)
  }

  return { load, reload, draft, isOld, isBusy, problem, write, stop, save, askThen, remove }
}
