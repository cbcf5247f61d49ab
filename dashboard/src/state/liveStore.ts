/** The live state that the screens look at: filled by the socket, flushed once per animation frame. */
import { computed, shallowRef } from 'vue'
import { whoAmI } from '@/api/session'
import type { Alarm, LiveMessage } from '@/api/types'
import { setGatewayClock } from './clock'
import { applyAlarm, applyMessages, emptyLive, resumeText, type LiveState } from './live'
import { openLiveSocket, type LinkPhase, type LiveSocket } from './liveSocket'

const state = shallowRef<LiveState>(emptyLive)
const phase = shallowRef<LinkPhase>('connecting')
/** Milliseconds since the gateway was heard, renewed four times a second. */
const silenceMs = shallowRef(0)

const hiddenFlushMs = 250

let socket: LiveSocket | null = null
let waiting: LiveMessage[] = []
let isFlushPlanned = false
let ageTimer: number | undefined

export const live = computed(() => state.value)
export const linkPhase = computed(() => phase.value)
export const linkSilenceMs = computed(() => silenceMs.value)
/** Whether what is on screen is the present. */
export const isLive = computed(() => phase.value === 'live' && state.value.version !== null)

export function startLive(onEnded: () => void): void {
  stopLive()
  socket = openLiveSocket({
    onMessage: (message) => {
      if ('at_ms' in message) setGatewayClock(message.at_ms)
      waiting.push(message)
      planFlush(onEnded)
    },
    onPhase: (next) => {
      phase.value = next
    },
    resume: () => resumeText(state.value.version),
    onRefused: () => {
      void whoAmI().then((answer) => {
        const isNobody = answer.kind === 'ok' && answer.value === undefined
        if (isNobody || (answer.kind === 'problem' && answer.problem.status === 401)) onEnded()
      })
    },
  })
  ageTimer = window.setInterval(() => {
    silenceMs.value = socket?.silenceMs() ?? 0
  }, 250)
}

export function stopLive(): void {
  socket?.close()
  socket = null
  window.clearInterval(ageTimer)
  waiting = []
  state.value = emptyLive
  phase.value = 'connecting'
}

/** The last answer to an operator's action: for lists of alarms that the stream does not bring. */
export const lastAnswer = shallowRef<Alarm | null>(null)

/** Shows the answer to an operator's action before the stream repeats it. */
export function takeAlarm(alarm: Alarm): void {
  state.value = applyAlarm(state.value, alarm)
  lastAnswer.value = alarm
}

function planFlush(onEnded: () => void): void {
  if (isFlushPlanned) return
  isFlushPlanned = true
  const run = () => {
    window.cancelAnimationFrame(frame)
    window.clearTimeout(timer)
    flush(onEnded)
  }
  const frame = window.requestAnimationFrame(run)
  // A hidden page gets no animation frames, but its alarms must still sound.
  const timer = window.setTimeout(run, hiddenFlushMs)
}

function flush(onEnded: () => void): void {
  isFlushPlanned = false
  const { state: next, hasGap } = applyMessages(state.value, waiting)
  waiting = []
  state.value = next
  if (next.isEnded) onEnded()
  else if (hasGap) socket?.restart()
}
