import { describe, expect, it } from 'vitest'
import type { Camera } from '@/api/types'
import { nearestStill } from './nearestStill'

const camera = (device: string, site: string, snapshot_at_ms: number | null): Camera => ({
  device,
  name: device,
  site,
  site_name: site,
  township: '500156001',
  snapshot_at_ms,
})

describe('nearestStill', () => {
  it('is of the site, and the nearest to the moment', () => {
    const cameras = [
      camera('elsewhere', 'hotel', 1_000_000),
      camera('blind', 'school', null),
      camera('early', 'school', 900_000),
      camera('late', 'school', 1_050_000),
    ]
    const still = nearestStill(cameras, 'school', 1_000_000)
    expect([still?.camera.device, still?.afterMs, still?.isFar]).toEqual(['late', 50_000, false])
    expect(nearestStill(cameras, 'nowhere', 0)).toBeNull()
  })

  it('says when it shows another situation', () => {
    expect(nearestStill([camera('a', 'school', 0)], 'school', 600_001)?.isFar).toBe(true)
  })
})
