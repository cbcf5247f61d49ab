/** The language of the screen, and the words of it. */
import { computed, shallowRef, watch } from 'vue'
import { readPreference, writePreference } from '@/state/preferences'
import { en } from './en'
import { halvesOf } from './format'
import { zhCN, type Text } from './zh-CN'

export type { Text }
export type Language = 'zh-CN' | 'en'

const isLanguage = (text: unknown): text is Language => text === 'zh-CN' || text === 'en'

export const language = shallowRef<Language>(readPreference('language', isLanguage) ?? 'zh-CN')

/** Unwrapped by templates: `text.nav.alarms`. */
export const text = computed<Text>(() => (language.value === 'en' ? en : zhCN))

/** The one of a bilingual pair of the gateway that fits; a missing one is replaced by the other. */
export function inLanguage(zh: string, english: string): string {
  return language.value === 'en' ? english || zh : zh || english
}

/** A note that the gateway wrote itself, in the language of the screen: its records hold `中文 / English` in one line. */
export const gatewayNote = (note: string): string => inLanguage(...halvesOf(note))

watch(
  language,
  (now) => {
    writePreference('language', now)
    document.documentElement.lang = now
  },
  { immediate: true },
)
