/** What kind of screen this is: the layout differs, the content does not. */
import { shallowRef } from 'vue'

export type Screen = 'phone' | 'desk' | 'wall'

/** Widths in CSS pixels, the same as in `tokens.css`. */
const phoneBelow = 768
const wallFrom = 2560

/** The root font size of a desk, in pixels; `tokens.css` has the others. */
export const deskRemPx = 14

export function screenOfWidth(width: number): Screen {
  if (width < phoneBelow) return 'phone'
  return width >= wallFrom ? 'wall' : 'desk'
}

const measureRem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || deskRemPx

export const screen = shallowRef<Screen>(screenOfWidth(window.innerWidth))
/** What one rem is at this moment, in pixels: for those who must place things in pixels. */
export const remPx = shallowRef(measureRem())

function measure() {
  screen.value = screenOfWidth(window.innerWidth)
  remPx.value = measureRem()
}

window.addEventListener('resize', measure)
// This module may run before the style sheet is there.
window.addEventListener('load', measure)
