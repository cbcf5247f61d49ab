/** What the keys of a nameplate mean, and how their numbers are read. Pure. */

/** The keys of the shipped kinds of devices; another one stands for itself. */
export const plateWords: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  alarm_lel_percent: ['燃气报警值', 'Gas alarm'],
  allowed_pressure_mpa: ['允许工作压力', 'Allowed pressure'],
  allowed_temperature_c: ['允许工作温度', 'Allowed temperature'],
  calibration_due: ['检定有效期至', 'Calibrated until'],
  closes_h: ['打烊时间', 'Closes at'],
  cylinder_due: ['气瓶检验有效期至', 'Cylinders inspected until'],
  door_open_limit_s: ['门开超时', 'Door open for too long after'],
  duct_cleaning_due: ['油烟管道清洗期限', 'Duct to be cleaned by'],
  evacuate_lel_percent: ['燃气撤离值', 'Gas, evacuate'],
  extreme_high_water_mm: ['极高水位', 'Extreme high water'],
  extreme_low_water_mm: ['极低水位', 'Extreme low water'],
  fire_c: ['着火温度', 'Taken for a fire'],
  flue_gas_limit_c: ['排烟温度上限', 'Flue gas, at most'],
  gust_limit_m_per_s: ['阵风上限', 'Gusts, at most'],
  health_certificate_due: ['健康证明最早到期', 'First health certificate runs out'],
  high_delay_s: ['超上限延时', 'Too high for so long'],
  high_level_percent: ['液位上限', 'Level, at most'],
  high_limit_c: ['温度上限', 'Temperature, at most'],
  high_water_mm: ['高水位', 'High water'],
  inspection_due: ['检验有效期至', 'Inspected until'],
  licence_due: ['食品经营许可证有效期至', 'Food licence until'],
  load_cut_percent: ['载荷切断值', 'Load, cut off'],
  load_warn_percent: ['载荷预警值', 'Load, warning'],
  low_delay_s: ['超下限延时', 'Too low for so long'],
  low_level_percent: ['液位下限', 'Level, at least'],
  low_limit_c: ['温度下限', 'Temperature, at least'],
  low_pressure_mpa: ['压力下限', 'Pressure, at least'],
  low_water_mm: ['低水位', 'Low water'],
  mean_limit_m_per_s: ['平均风速上限', 'Mean wind, at most'],
  notice_lel_percent: ['燃气提示值', 'Gas noticed'],
  offline_delay_s: ['离线判定延时', 'Offline after'],
  opens_h: ['营业时间', 'Opens at'],
  outlet_limit_c: ['出水温度上限', 'Outlet, at most'],
  rated_speed_m_per_s: ['额定速度', 'Rated speed'],
  relevellings_per_min: ['再平层频度上限', 'Re-levellings, at most'],
  rise_c_per_min: ['升温速度上限', 'Rise, at most'],
  slow_wind_m_per_s: ['减速风速', 'Wind, slow down'],
  steam_limit_c: ['蒸汽温度上限', 'Steam, at most'],
  stop_wind_m_per_s: ['停运风速', 'Wind, stop'],
  warn_c: ['预警温度', 'Early warning'],
  warn_wind_m_per_s: ['预警风速', 'Wind, warning'],
  work_wind_m_per_s: ['作业风速上限', 'Wind at work, at most'],
}

/** A key says its unit at its end; the first ending that fits counts, so that longer ones stand before. */
const units: readonly (readonly [ending: string, unit: string])[] = [
  ['_lel_percent', '%LEL'],
  ['_c_per_min', '°C/min'],
  ['_m_per_s', 'm/s'],
  ['_per_min', '/min'],
  ['_percent', '%'],
  ['_mpa', 'MPa'],
  ['_mm', 'mm'],
  ['_c', '°C'],
  ['_s', 's'],
]

/** What a key means, in both languages; the key itself when nobody knows. */
export const plateName = (key: string): readonly [zh: string, en: string] => plateWords[key] ?? [key, key]

/** A number of the nameplate as people read it: `20270630` is a day, `6.5` an hour of the day, others have a unit. */
export function plateValue(key: string, value: number): string {
  if (key.endsWith('_due')) return String(value).replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3')
  if (key.endsWith('_h')) {
    const minutes = Math.round(value * 60)
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
  }
  const unit = units.find(([ending]) => key.endsWith(ending))?.[1]
  return unit ? `${value} ${unit}` : String(value)
}
