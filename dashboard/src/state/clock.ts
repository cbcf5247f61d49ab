/**
 * The gateway's clock as this page knows it. Ages and the clock on the wall follow the gateway, so that a browser
 * with a wrong clock neither hides a stale value nor greys a fresh one.
 */
import { shallowRef } from 'vue'

let offsetMs = 0

/** Gateway time in milliseconds since 1970, renewed every second for what is on screen. */
export const now = shallowRef(Date.now())

export function gatewayNow(): number {
  return Date.now() + offsetMs
}

/** Called with each message that carries the gateway's clock. */
export function setGatewayClock(atMs: number): void {
  const measured = atMs - Date.now()
  // The least delayed message is the best measure; a large step is a clock that was set.
  if (measured > offsetMs || Math.abs(measured - offsetMs) > 1_000) offsetMs = measured
}

window.setInterval(() => {
  now.value = gatewayNow()
}, 1_000)
