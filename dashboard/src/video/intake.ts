/** Decides what becomes of each message: whose picture it is, whether it follows the one before. Pure. */
import type { Frame, Opened, StreamName, Unavailable } from './wire'

export interface Asked {
  readonly device: string
  readonly stream: StreamName
}

/** What was taken in so far. */
export interface Intake {
  readonly message: Opened | Unavailable | null
  readonly hasInit: boolean
  /** Of the last picture that was taken; 0: none was. */
  readonly sequence: number
}

export type MessageAction = 'begin' | 'go-on' | 'stop' | 'foreign'
export type FrameAction = 'append' | 'skip' | 'foreign'

export const nothingYet: Intake = { message: null, hasInit: false, sequence: 0 }

/** A message about another camera is `foreign`: the connection is of no use and must be closed. */
export function takeMessage(
  intake: Intake,
  message: Opened | Unavailable,
  asked: Asked,
): [Intake, MessageAction] {
  if (message.device !== asked.device || message.stream !== asked.stream) return [intake, 'foreign']
  if (message.type === 'unavailable') return [{ ...nothingYet, message }, 'stop']
  const before = intake.message
  const isSameEpoch =
    before?.type === 'opened' && before.epoch === message.epoch && before.mime === message.mime
  // The edge dialled anew but the camera plays on: what comes again is skipped by its number.
  if (isSameEpoch) return [{ ...intake, message }, 'go-on']
  return [{ ...nothingYet, message }, 'begin']
}

/** A frame of another stream is `foreign`; one that cannot be decoded, or came before, is skipped. */
export function takeFrame(intake: Intake, frame: Frame): [Intake, FrameAction] {
  const { message, hasInit, sequence } = intake
  if (message?.type !== 'opened' || message.streamId !== frame.streamId) return [intake, 'foreign']
  if (frame.sequence === 0) return hasInit ? [intake, 'skip'] : [{ ...intake, hasInit: true }, 'append']
  // A hole in the sequence is closed by a key frame only.
  const isDecodable = frame.isKey || (sequence > 0 && frame.sequence === sequence + 1)
  if (!hasInit || !isDecodable || frame.sequence <= sequence) return [intake, 'skip']
  return [{ ...intake, sequence: frame.sequence }, 'append']
}
