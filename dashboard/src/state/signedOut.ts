/** What happens when a session ends, by one's own wish or the gateway's. */
import { shallowRef } from 'vue'
import type { Router } from 'vue-router'
import { forgetCatalogue } from './catalogue'
import { stopLive } from './liveStore'
import { me, setPerson } from './session'

/** Whether the sign-in page should explain why it is there. */
export const wasEnded = shallowRef(false)

/** The gateway ended the session: say so, and come back to the same page afterwards. */
export function endSession(router: Router): void {
  if (!me.value) return
  wasEnded.value = true
  leave()
  void router.push({ name: 'sign-in', query: { next: router.currentRoute.value.fullPath } })
}

/** Nothing of the person before may stay on screen for the next one. */
export function leave(): void {
  stopLive()
  forgetCatalogue()
  setPerson(null)
}
