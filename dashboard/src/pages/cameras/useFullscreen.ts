/** One element over the full screen. */
import { onScopeDispose, shallowRef, type Ref } from 'vue'

export function useFullscreen(element: Ref<HTMLElement | null>) {
  const isOn = shallowRef(false)
  const note = () => {
    isOn.value = document.fullscreenElement !== null && document.fullscreenElement === element.value
  }
  document.addEventListener('fullscreenchange', note)
  onScopeDispose(() => {
    document.removeEventListener('fullscreenchange', note)
  })
  return {
    isOn,
    isPossible: document.fullscreenEnabled,
    toggle: async () => {
      // A refusal (the browser wants a click) leaves everything as it is.
      await (
        document.fullscreenElement ? document.exitFullscreen() : element.value?.requestFullscreen()
      )?.catch(() => undefined)
    },
  }
}
