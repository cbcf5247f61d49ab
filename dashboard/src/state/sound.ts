/** The bell for alarms of severity I and II, made by the browser itself: no sound file is needed. */
import { computed, shallowRef, watch } from 'vue'
import type { Alarm } from '@/api/types'
import { news, repeatMs, ring, stillCalls, type Bell } from './bell'
import { callSettings, changeCallSettings } from './callSettings'
import { callOnDesktop } from './desktopCall'
import { live } from './liveStore'

const isBlocked = shallowRef(true)
let context: AudioContext | null = null

/** `blocked`: the browser wants a click before a page may sound. */
export const soundState = computed<'on' | 'muted' | 'blocked'>(() => {
  if (callSettings.value.isMuted) return 'muted'
  return isBlocked.value ? 'blocked' : 'on'
})

/** The one button: enables a blocked sound, else mutes or unmutes. */
export async function pressSoundButton(): Promise<void> {
  if (soundState.value === 'blocked') {
    await enable()
    return
  }
  changeCallSettings({ isMuted: !callSettings.value.isMuted })
  if (!callSettings.value.isMuted) await enable()
}

async function enable(): Promise<void> {
  context ??= new AudioContext()
  await context.resume()
  isBlocked.value = context.state !== 'running'
}

/** Any click or key on the page is leave enough for the browser. Returns how to stop. */
export function startSound(openAlarm: (id: number) => void): () => void {
  let heard: ReadonlyMap<number, Alarm> | null = null
  let repeating: number | undefined
  const onGesture = () => {
    if (isBlocked.value && !callSettings.value.isMuted) void enable()
  }
  window.addEventListener('pointerdown', onGesture)
  window.addEventListener('keydown', onGesture)

  const sound = (bell: Bell) => {
    if (!callSettings.value.isMuted && context?.state === 'running') play(context, bell)
  }
  /** Again and again, until nothing calls any more. */
  function planRepeat(): void {
    window.clearTimeout(repeating)
    const bell = callSettings.value.isRepeated ? stillCalls(live.value.alarms.values()) : null
    if (!bell) return
    repeating = window.setTimeout(() => {
      const now = stillCalls(live.value.alarms.values())
      if (now) sound(now)
      planRepeat()
    }, repeatMs[bell])
  }

  const unwatch = watch([live, callSettings], ([{ version, alarms }]) => {
    if (version === null) heard = null
    if (version === null || alarms === heard) return
    const bell = ring(heard, alarms)
    if (bell) {
      sound(bell)
      callOnDesktop(news(heard, alarms), openAlarm)
    }
    const didCall = stillCalls(heard?.values() ?? [])
    heard = alarms
    if (bell || didCall !== stillCalls(alarms.values())) planRepeat()
  })
  return () => {
    unwatch()
    window.clearTimeout(repeating)
    window.removeEventListener('pointerdown', onGesture)
    window.removeEventListener('keydown', onGesture)
  }
}

/** Severity I: six quick high tones; II: two slower ones. Loud enough for a room, short enough to talk over. */
const tones: Record<Bell, { count: number; highHz: number; lowHz: number; stepS: number }> = {
  critical: { count: 6, highHz: 1_040, lowHz: 780, stepS: 0.16 },
  urgent: { count: 2, highHz: 660, lowHz: 520, stepS: 0.28 },
}

function play(audio: AudioContext, bell: Bell): void {
  const { count, highHz, lowHz, stepS } = tones[bell]
  const volume = audio.createGain()
  volume.gain.value = 0
  volume.connect(audio.destination)
  const tone = audio.createOscillator()
  tone.type = 'triangle'
  tone.connect(volume)
  const start = audio.currentTime + 0.02
  for (let index = 0; index < count; index += 1) {
    const at = start + index * stepS
    tone.frequency.setValueAtTime(index % 2 === 0 ? highHz : lowHz, at)
    volume.gain.setTargetAtTime(0.35, at, 0.008)
    volume.gain.setTargetAtTime(0, at + stepS * 0.7, 0.02)
  }
  tone.start(start)
  tone.stop(start + count * stepS + 0.2)
  tone.onended = () => {
    volume.disconnect()
  }
}
