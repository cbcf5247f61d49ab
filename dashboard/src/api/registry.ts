/** Owners, sites, devices, edge nodes, import: what administrators keep. */
import { path, request } from './request'
import type {
  DeviceDraft,
  DiscoveredDevice,
  NodeCredential,
  EdgeNode,
  ImportReport,
  Owner,
  RegisteredDevice,
  Site,
} from './types'

export const listOwners = () => request<Owner[]>('/owners')
export const putOwner = (owner: Owner) =>
  request<Owner>(path`/owners/${owner.id}`, { method: 'PUT', body: owner })
export const deleteOwner = (id: string) => request<undefined>(path`/owners/${id}`, { method: 'DELETE' })

export const listSites = () => request<Site[]>('/sites')
export const putSite = (site: Site) => request<Site>(path`/sites/${site.id}`, { method: 'PUT', body: site })
export const deleteSite = (id: string) => request<undefined>(path`/sites/${id}`, { method: 'DELETE' })

export const listRegisteredDevices = () => request<RegisteredDevice[]>('/registry/devices')
export const putDevice = (device: DeviceDraft) =>
  request<RegisteredDevice>(path`/registry/devices/${device.id}`, { method: 'PUT', body: device })
export const deleteDevice = (id: string) =>
  request<undefined>(path`/registry/devices/${id}`, { method: 'DELETE' })

export type ImportFormat = 'csv' | 'toml'

/** Refused rows come back in the report's `errors`; then nothing was changed. */
export const importRegistry = (content: string, format: ImportFormat, isDryRun: boolean) =>
  request<ImportReport>('/registry/import', {
    method: 'POST',
    query: { dry_run: isDryRun },
    text: { type: format === 'csv' ? 'text/csv' : 'application/toml', content },
  })

export const listDiscovered = () => request<DiscoveredDevice[]>('/discovered')

export const listNodes = () => request<EdgeNode[]>('/nodes')
/** The password is in this answer and nowhere else. */
export const enrolNode = (id: string) => request<NodeCredential>(path`/nodes/${id}/enrol`, { method: 'POST' })
export const revokeNode = (id: string) =>
  request<undefined>(path`/nodes/${id}/credential`, { method: 'DELETE' })
