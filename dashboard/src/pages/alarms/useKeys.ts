/** Hands the console's keys to its actions for as long as the page is shown. */
import { onMounted, onScopeDispose } from 'vue'
import { actionOf, type KeyAction } from './keys'

export function useKeys(perform: Record<KeyAction, () => void>): void {
  function onKey(event: KeyboardEvent): void {
    const action = actionOf(event, isField(event.target))
    if (action === null) return
    // Enter on a button or link is that button's.
    if (action === 'open' && event.target instanceof Element && event.target.closest('button, a')) return
    event.preventDefault()
    perform[action]()
  }
  onMounted(() => {
    window.addEventListener('keydown', onKey)
  })
  onScopeDispose(() => {
    window.removeEventListener('keydown', onKey)
  })
}

const isField = (target: EventTarget | null) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement
