/** Whom a channel reaches, in words: `centre`, `office:furong`, `township:*` as the gateway writes it. */
import { catalogue } from '@/state/catalogue'
import { inLanguage, text } from '@/text'

export function servedWords(serves: readonly string[]): string {
  return serves.map(words).join(text.value.notify.comma)
}

function words(served: string): string {
  const [kind = '', id = ''] = served.split(':')
  const { audience, allOf } = text.value.notify
  if (kind === 'centre') return audience.centre
  if (kind === 'owner') return id === '*' ? allOf(audience.owner) : `${audience.owner} ${id}`
  if (kind === 'office') return id === '*' ? allOf(audience.office) : nameOf(places().offices, id)
  if (id === '*') return allOf(audience.township)
  const township = places().townships.find(({ code }) => code === id)
  return township ? inLanguage(township.name_zh, township.name_en) : id
}

const places = () => catalogue.value?.places ?? { offices: [], townships: [] }

function nameOf(rows: readonly { id: string; name_zh: string; name_en: string }[], id: string): string {
  const row = rows.find((one) => one.id === id)
  return row ? inLanguage(row.name_zh, row.name_en) : id
}
