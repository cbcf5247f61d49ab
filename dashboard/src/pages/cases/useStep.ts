/** Taking a step, with what came of it said on screen. A step that got no answer is sent again under its old key. */
import { useMessage } from 'naive-ui'
import { shallowRef } from 'vue'
import { addNote, addPhoto, takeStep, type StepWords } from '@/api/cases'
import { randomKey } from '@/api/key'
import type { Answer } from '@/api/request'
import type { CaseDetail, CaseStepKind } from '@/api/types'
import { inLanguage, text } from '@/text'
import { shrinkPhoto } from './shrinkPhoto'

export function useStep(taken: (detail: CaseDetail) => void) {
  const message = useMessage()
  const isBusy = shallowRef(false)
  let unanswered: { what: string; key: string } | null = null

  /** Whether it went through. */
  async function send(what: string, ask: (key: string) => Promise<Answer<CaseDetail>>): Promise<boolean> {
    if (isBusy.value) return false
    isBusy.value = true
    const key = unanswered?.what === what ? unanswered.key : randomKey()
    const answer = await ask(key)
    isBusy.value = false
    const isUnanswered = answer.kind === 'problem' && answer.problem.status === 0
    unanswered = isUnanswered ? { what, key } : null
    if (answer.kind === 'problem') {
      const { detail_zh, detail } = answer.problem
      message.error(`${text.value.cases.stepFailed}: ${inLanguage(detail_zh, detail)}`, { duration: 8_000 })
    }
    if (answer.kind !== 'ok') return false
    message.success(text.value.cases.stepDone)
    taken(answer.value)
    return true
  }

  const step = (id: number, kind: CaseStepKind, words: StepWords) =>
    send(JSON.stringify([id, kind, words]), (key) => takeStep(id, kind, words, key))
  const note = (id: number, words: string) =>
    send(JSON.stringify([id, words]), (key) => addNote(id, words, key))

  async function photo(id: number, file: Blob): Promise<void> {
    const small = await shrinkPhoto(file)
    if (small) await send(JSON.stringify([id, 'photo', small.size]), () => addPhoto(id, small))
    else message.error(text.value.cases.photoUnreadable)
  }

  return { isBusy, step, note, photo }
}
