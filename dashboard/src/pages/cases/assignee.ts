/** Posts and people as people call them: `office:furong` → 芙蓉市场监管所. */
import { catalogue, townshipName } from '@/state/catalogue'
import { inLanguage, text } from '@/text'

export function assigneeName(assignee: string): string {
  const [kind, id] = assignee.split(':')
  if (kind === 'centre') return text.value.duty.centre
  if (!id) return assignee
  if (kind === 'township') return townshipName(id)
  if (kind !== 'office') return id
  const office = catalogue.value?.places.offices.find((one) => one.id === id)
  return office ? inLanguage(office.name_zh, office.name_en) : id
}
