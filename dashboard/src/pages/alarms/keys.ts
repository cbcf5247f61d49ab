/** Which key does what in the alarm console. */

export type KeyAction =
  | 'next'
  | 'previous'
  | 'open'
  | 'acknowledge'
  | 'note'
  | 'shelve'
  | 'propose'
  | 'reset'
  | 'group'
  | 'pick'
  | 'pickNext'
  | 'pickPrevious'
  | 'openCase'
  | 'search'
  | 'escape'
  | 'mute'
  | 'help'

/** In the order of the help, with the keys as printed on them. */
export const keyHelp: readonly { keys: readonly string[]; action: KeyAction }[] = [
  { keys: ['J', '↓'], action: 'next' },
  { keys: ['K', '↑'], action: 'previous' },
  { keys: ['Enter'], action: 'open' },
  { keys: ['A'], action: 'acknowledge' },
  { keys: ['N'], action: 'note' },
  { keys: ['S'], action: 'shelve' },
  { keys: ['P'], action: 'propose' },
  { keys: ['R'], action: 'reset' },
  { keys: ['X', 'Space'], action: 'pick' },
  { keys: ['Shift J', 'Shift ↓'], action: 'pickNext' },
  { keys: ['Shift K', 'Shift ↑'], action: 'pickPrevious' },
  { keys: ['C'], action: 'openCase' },
  { keys: ['G'], action: 'group' },
  { keys: ['/'], action: 'search' },
  { keys: ['M'], action: 'mute' },
  { keys: ['Esc'], action: 'escape' },
  { keys: ['?'], action: 'help' },
]

const actions: Readonly<Record<string, KeyAction>> = {
  j: 'next',
  ArrowDown: 'next',
  k: 'previous',
  ArrowUp: 'previous',
  Enter: 'open',
  a: 'acknowledge',
  n: 'note',
  s: 'shelve',
  p: 'propose',
  r: 'reset',
  x: 'pick',
  ' ': 'pick',
  c: 'openCase',
  g: 'group',
  '/': 'search',
  m: 'mute',
  Escape: 'escape',
  '?': 'help',
}

/** With Shift a move takes along what it passes. */
const shifted: Partial<Record<KeyAction, KeyAction>> = { next: 'pickNext', previous: 'pickPrevious' }

/** These may be held down: they move through the list. */
const moving: ReadonlySet<KeyAction> = new Set(['next', 'previous', 'pickNext', 'pickPrevious'])

export interface Press {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly shiftKey: boolean
  readonly repeat: boolean
}

/**
 * What a key press asks for; null: not ours. While somebody types only Escape is ours. A key that is held down moves
 * through the list, but must not acknowledge one alarm after another.
 */
export function actionOf(press: Press, isTyping: boolean): KeyAction | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null
  const plain = actions[press.key.length === 1 ? press.key.toLowerCase() : press.key]
  if (plain === undefined) return null
  const action = press.shiftKey ? (shifted[plain] ?? plain) : plain
  if (isTyping && action !== 'escape') return null
  return press.repeat && !moving.has(action) ? null : action
}

/** The row to choose after moving by `step`; the nearest end when there is none further. */
export function moved<K>(keys: readonly K[], chosen: K | null, step: 1 | -1): K | null {
  if (keys.length === 0) return null
  const at = chosen === null ? -1 : keys.indexOf(chosen)
  if (at === -1) return keys[0] ?? null
  return keys[Math.min(Math.max(at + step, 0), keys.length - 1)] ?? null
}
