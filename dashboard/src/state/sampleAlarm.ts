/** An alarm for tests: complete, and the same every time but for its changes. */
import type { Alarm } from '@/api/types'

export const sampleAlarm = (id: number, changes: Partial<Alarm> = {}): Alarm => ({
  id,
  device: `device-${id}`,
  device_name: '1号冷库',
  site: 'school',
  site_name: '实验小学',
  township: '500156001',
  rule: 'FR-01',
  title_zh: '冷库温度过高',
  title_en: 'Cold store too warm',
  severity: 3,
  state: 'active_unacknowledged',
  raised_at_ms: id * 1_000,
  cause_zh: '9.1 °C > 8 °C',
  cause_en: '9.1 °C > 8 °C',
  is_latching: false,
  occurrence_count: 1,
  late_ms: 0,
  is_stored: true,
  ...changes,
})
