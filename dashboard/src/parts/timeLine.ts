/** What a time line shows of one event. */

/** How an event is to be taken, and so the colour of its dot: a danger, a warning, what people did, its end, the rest. */
export type Tone = 'danger' | 'warn' | 'deed' | 'ok' | 'quiet'

export interface TimeLineEvent {
  readonly atMs: number
  readonly title: string
  readonly by: string
  readonly note: string
  readonly tone: Tone
  /** Its title is said in the colour of danger too. */
  readonly isGrave?: boolean
}
