/** Alarms of severity I and II as notifications of the desktop, while the page is behind others. */
import { shallowRef } from 'vue'
import type { Alarm } from '@/api/types'
import { inLanguage, text } from '@/text'
import { townshipName } from './catalogue'
import { callSettings, changeCallSettings } from './callSettings'

/** More at once would be a wall of notes: the first says how many more there are. */
const shownAtOnce = 3

const isThere = 'Notification' in window

/** `missing`: this browser, or a page without TLS, has none. */
export const desktopPermission = shallowRef<NotificationPermission | 'missing'>(
  isThere ? Notification.permission : 'missing',
)

/** Asked only when a person wishes it: a page that asks by itself is refused by habit. */
export async function wishDesktopCalls(isWished: boolean): Promise<void> {
  if (isWished && desktopPermission.value === 'default') {
    desktopPermission.value = await Notification.requestPermission()
  }
  changeCallSettings({ hasDesktop: isWished && desktopPermission.value === 'granted' })
}

export function callOnDesktop(alarms: readonly Alarm[], open: (id: number) => void): void {
  if (!document.hidden || !callSettings.value.hasDesktop || desktopPermission.value !== 'granted') return
  alarms.slice(0, shownAtOnce).forEach((alarm, index) => {
    const isLast = index === shownAtOnce - 1 && alarms.length > shownAtOnce
    const more = isLast ? ` · ${text.value.alarms.andMore(String(alarms.length - shownAtOnce))}` : ''
    const note = new Notification(
      `${text.value.severity[alarm.severity]} · ${inLanguage(alarm.title_zh, alarm.title_en)}${more}`,
      {
        body: `${townshipName(alarm.township)} · ${alarm.site_name} · ${alarm.device_name}\n${inLanguage(alarm.cause_zh, alarm.cause_en)}`,
        // One alarm, one note, however often it calls.
        tag: `brightwatch-alarm-${alarm.id}`,
        requireInteraction: alarm.severity === 1,
      },
    )
    note.onclick = () => {
      window.focus()
      note.close()
      open(alarm.id)
    }
  })
}
