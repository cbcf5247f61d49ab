/** A rule of a device in lines for people: each way in which it comes about, with what else counts. Pure. */
import type { Metric, Rule, Severity } from '@/api/types'
import type { Text } from '@/text'
import { duration } from '@/text/format'

export interface RuleLine {
  readonly severity: Severity
  readonly words: string
}

/** One line a way: what has to be the case, for how long. */
export function linesOf(rule: Rule, isEnglish: boolean, text: Text): RuleLine[] {
  return rule.ways.map(({ words, for_s, severity }) => {
    const delay = for_s > 0 ? ` · ${text.devices.onDelay(duration(for_s * 1_000, text))}` : ''
    return { severity, words: (isEnglish ? words.en : words.zh) + delay }
  })
}

/** How it comes to an end: inside by how much, gone for how long. Empty: with the first reading that is. */
export function returnOf(rule: Rule, metrics: readonly Metric[], text: Text): string {
  const limits = rule.ways.flatMap((way) => way.limits)
  const [widest] = limits.filter(({ deadband }) => deadband > 0)
  const unit = metrics.find(({ name }) => name === widest?.metric)?.unit ?? ''
  const parts: string[] = []
  if (widest) parts.push(text.devices.deadband(`${widest.deadband} ${unit}`.trim()))
  if (rule.off_delay_s > 0) parts.push(text.devices.offDelay(duration(rule.off_delay_s * 1_000, text)))
  return parts.join(' · ')
}
