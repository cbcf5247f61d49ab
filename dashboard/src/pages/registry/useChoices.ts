/** What the forms of the registry let one choose from. */
import type { SelectOption } from 'naive-ui'
import { computed, onMounted, shallowRef } from 'vue'
import { listNodes, listOwners, listSites } from '@/api/registry'
import { catalogue } from '@/state/catalogue'
import { inLanguage } from '@/text'

export type Choice = SelectOption & { value: string; label: string }

export function useChoices() {
  const owners = shallowRef<Choice[]>([])
  const sites = shallowRef<Choice[]>([])
  const nodes = shallowRef<Choice[]>([])

  // A list that does not come leaves its field to be typed in; the gateway checks what is sent.
  onMounted(async () => {
    const [ownerList, siteList, nodeList] = await Promise.all([listOwners(), listSites(), listNodes()])
    if (ownerList.kind === 'ok')
      owners.value = ownerList.value.map(({ id, name }) => ({ value: id, label: name }))
    if (siteList.kind === 'ok')
      sites.value = siteList.value.map(({ id, name }) => ({ value: id, label: name }))
    if (nodeList.kind === 'ok') nodes.value = nodeList.value.map(({ id }) => ({ value: id, label: id }))
  })

  const townships = computed<Choice[]>(() =>
    (catalogue.value?.places.townships ?? []).map(({ code, name_zh, name_en }) => ({
      value: code,
      label: inLanguage(name_zh, name_en),
    })),
  )
  const offices = computed<Choice[]>(() =>
    (catalogue.value?.places.offices ?? []).map(({ id, name_zh, name_en }) => ({
      value: id,
      label: inLanguage(name_zh, name_en),
    })),
  )
  const profiles = computed<Choice[]>(() =>
    [...(catalogue.value?.profiles.values() ?? [])].map(({ id, title_zh, title_en }) => ({
      value: id,
      label: inLanguage(title_zh, title_en),
    })),
  )
  return { owners, sites, nodes, townships, offices, profiles }
}
