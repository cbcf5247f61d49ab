/** The bell for new alarms of severity I and II, made by the browser itself: no sound file is needed. */
import { computed, shallowRef, watch } from 'vue'
import type { Alarm } from '@/api/types'
import { ring, type Bell } from './bell'
import { live } from './liveStore'
import { readPreference, writePreference } from './preferences'

const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean'

const isMuted = shallowRef(readPreference('muted', isBoolean) ?? false)
const isBlocked = shallowRef(true)
let context: AudioContext | null = null

/** `blocked`: the browser wants a click before a page may sound. */
export const soundState = computed<'on' | 'muted' | 'blocked'>(() => {
  if (isMuted.value) return 'muted'
  return isBlocked.value ? 'blocked' : 'on'
})

/** The one button: enables a blocked sound, else mutes or unmutes. */
export async function pressSoundButton(): Promise<void> {
  if (soundState.value === 'blocked') {
    await enable()
    return
  }
  isMuted.value = !isMuted.value
  writePreference('muted', isMuted.value)
  if (!isMuted.value) await enable()
}

async function enable(): Promise<void> {
  context ??= new AudioContext()
  await context.resume()
  isBlocked.value = context.state !== 'running'
}

/** Any click or key on the page is leave enough for the browser. Returns how to stop. */
export function startSound(): () => void {
  let heard: ReadonlyMap<number, Alarm> | null = null
  const onGesture = () => {
    if (isBlocked.value && !isMuted.value) void enable()
  }
  window.addEventListener('pointerdown', onGesture)
  window.addEventListener('keydown', onGesture)

  const unwatch = watch(live, ({ version, alarms }) => {
    if (version === null) heard = null
    if (version === null || alarms === heard) return
    const bell = ring(heard, alarms)
    heard = alarms
    if (bell && !isMuted.value && context?.state === 'running') play(context, bell)
  })
  return () => {
    unwatch()
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
