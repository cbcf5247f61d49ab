/** How a person wants to be called; each person's own in this browser. */
import { computed, shallowRef, watch } from 'vue'
import { ofPerson, readPreference, writePreference } from './preferences'
import { me } from './session'

export interface CallSettings {
  readonly isMuted: boolean
  /** I and II ring again until somebody answers. */
  readonly isRepeated: boolean
  readonly hasDesktop: boolean
}

const usual: CallSettings = { isMuted: false, isRepeated: true, hasDesktop: false }

function isCallSettings(value: unknown): value is CallSettings {
  if (typeof value !== 'object' || value === null) return false
  const { isMuted, isRepeated, hasDesktop } = { ...usual, ...value }
  return [isMuted, isRepeated, hasDesktop].every((each) => typeof each === 'boolean')
}

const name = computed(() => ofPerson('calls', me.value?.user.id))
const settings = shallowRef<CallSettings>(usual)
watch(
  name,
  (now) => {
    settings.value = { ...usual, ...readPreference(now, isCallSettings) }
  },
  { immediate: true },
)

export const callSettings = computed(() => settings.value)

export function changeCallSettings(changes: Partial<CallSettings>): void {
  settings.value = { ...settings.value, ...changes }
  writePreference(name.value, settings.value)
}
