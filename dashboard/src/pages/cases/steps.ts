/** Which steps a case offers to whom: the gateway decides, this only leaves out what it would refuse anyway. */
import type { Case, CaseStepKind } from '@/api/types'

export interface OfferedStep {
  readonly kind: CaseStepKind
  /** What one does next, as a rule: the large button. */
  readonly isNext: boolean
  /** What must be said with it. */
  readonly asks: 'nothing' | 'assignee' | 'cause' | 'note'
}

const asks: Record<CaseStepKind, OfferedStep['asks']> = {
  assign: 'assignee',
  accept: 'nothing',
  contact: 'nothing',
  arrive: 'nothing',
  free: 'nothing',
  handle: 'cause',
  false_alarm: 'note',
  return: 'note',
  verify: 'nothing',
  close: 'nothing',
}

type Facts = Pick<Case, 'state' | 'severity' | 'plan' | 'entrapment' | 'handled_by'>

export function offeredSteps(facts: Facts, username: string): readonly OfferedStep[] {
  const kinds = kindsOf(facts, username)
  return kinds.map((kind, index) => ({ kind, isNext: index === 0, asks: asks[kind] }))
}

/** The next one first. */
function kindsOf(facts: Facts, username: string): CaseStepKind[] {
  const milestones: CaseStepKind[] = []
  const trapped = facts.entrapment && facts.entrapment.freed_at_ms == null
  if (trapped && facts.entrapment?.contacted_at_ms == null) milestones.push('contact')
  switch (facts.state) {
    case 'opened':
      return ['accept', ...milestones, 'assign']
    case 'assigned':
      return ['accept', ...milestones, 'assign']
    case 'accepted': {
      const fromAfar: CaseStepKind[] = facts.severity >= 3 && !trapped ? ['handle'] : []
      return ['arrive', ...milestones, ...fromAfar, ...freeing(facts), 'false_alarm', 'assign']
    }
    case 'on_site':
      return trapped ? ['free', ...milestones, 'false_alarm', 'assign'] : ['handle', 'false_alarm', 'assign']
    case 'handled':
      // Nobody verifies the own work.
      return facts.handled_by === username ? ['return'] : ['verify', 'return']
    case 'verified':
      return ['close', 'return']
    case 'closed':
      return []
  }
}

const freeing = ({ entrapment }: Facts): CaseStepKind[] =>
  entrapment && entrapment.freed_at_ms == null ? ['free'] : []
