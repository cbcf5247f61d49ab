/** A moment that comes nearer, and what colour that is. */
import type { Entrapment, Milestone } from '@/api/types'

export interface Countdown {
  readonly isOver: boolean
  /** To it, or since it, in milliseconds; never negative. */
  readonly ms: number
  readonly tone: 'calm' | 'near' | 'over'
}

/** Near: less than a fifth of the time is left, or less than a minute. */
export function countdown(sinceMs: number, dueMs: number, nowMs: number): Countdown {
  const left = dueMs - nowMs
  if (left <= 0) return { isOver: true, ms: nowMs - dueMs, tone: 'over' }
  const isNear = left < 60_000 || left < (dueMs - sinceMs) / 5
  return { isOver: false, ms: left, tone: isNear ? 'near' : 'calm' }
}

/** Ahead: its time has not come. Met: what it asks for has happened. Told: neither was so, and people were told. */
export type MilestoneState = 'ahead' | 'met' | 'told'

export function milestoneState(
  milestone: Pick<Milestone, 'at_ms' | 'is_met'>,
  nowMs: number,
): MilestoneState {
  if (milestone.is_met) return 'met'
  return nowMs < milestone.at_ms ? 'ahead' : 'told'
}

/** The moment that counts next for people who are trapped: speaking with them, somebody there, the accident. */
export function nextOfRescue(
  entrapment: Entrapment,
  arrivedAtMs: number | null,
): { kind: 'contact' | 'rescue' | 'accident'; dueMs: number } {
  const hasContact = entrapment.contacted_at_ms != null || arrivedAtMs !== null
  if (!hasContact) return { kind: 'contact', dueMs: entrapment.contact_due_at_ms }
  if (arrivedAtMs === null) return { kind: 'rescue', dueMs: entrapment.rescue_due_at_ms }
  return { kind: 'accident', dueMs: entrapment.accident_at_ms }
}

/** `4:07`, `1:02:30`: what runs is read as a clock. */
export function asClock(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const two = (n: number) => String(n).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}
