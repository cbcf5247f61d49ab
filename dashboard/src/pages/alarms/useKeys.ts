/** Hands the console's keys to its actions for as long as the page is shown. */
import { onMounted, onScopeDispose } from 'vue'
import { actionOf, type KeyAction } from './keys'

export function useKeys(perform: Record<KeyAction, () => void>): void {
  function onKey(event: KeyboardEvent): void {
    const action = actionOf(event, isField(event.target))
    if (action === null) return
    // Enter and Space on whatever takes the focus are its own.
    if ((event.key === 'Enter' || event.key === ' ') && isControl(event.target)) return
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

const isControl = (target: EventTarget | null) =>
  target instanceof Element &&
  target.closest('button, a, label, [role="checkbox"], .n-base-selection') !== null

const isField = (target: EventTarget | null) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement
