/** What this browser remembers of how its person likes the screens. Nothing here is secret, nothing is needed. */

const prefix = 'brightwatch.'

/** The remembered value if it still is of the right kind. */
export function readPreference<T>(name: string, isRight: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(window.localStorage.getItem(prefix + name) ?? 'null')
    return isRight(value) ? value : null
  } catch {
    return null
  }
}

export function writePreference(name: string, value: unknown): void {
  try {
    window.localStorage.setItem(prefix + name, JSON.stringify(value))
  } catch {
    // A private window or a full disk: the choice then lasts as long as the page.
  }
}

/** The name of a choice that each person makes for themselves, where several share a browser. */
export const ofPerson = (name: string, person: number | undefined) => `${name}.${person ?? 'nobody'}`
