import { describe, expect, it } from 'vitest'
import { changesOf } from './auditChange'

describe('what an entry says was changed', () => {
  const device = { id: 'cold-1', name: 'Cold', site: 'kitchen', nameplate: { high_limit_c: 8 } }

  it('is told field by field', () => {
    const is = { ...device, name: 'Cold one', nameplate: { high_limit_c: 6, volume_l: 90 } }
    expect(changesOf(JSON.stringify({ was: device, is }))).toEqual([
      { field: 'name', was: 'Cold', is: 'Cold one' },
      { field: 'nameplate.high_limit_c', was: '8', is: '6' },
      { field: 'nameplate.volume_l', was: null, is: '90' },
    ])
  })

  it('is everything of what is new, and of what an older gateway wrote', () => {
    const all = ['name', 'site', 'nameplate.high_limit_c']
    expect(changesOf(JSON.stringify({ was: null, is: device }))?.map(({ field }) => field)).toEqual(all)
    expect(changesOf(JSON.stringify(device))?.map(({ field }) => field)).toEqual(all)
  })

  it('is told line by line of a text', () => {
    const detail = JSON.stringify({ was: 'a = 1\nb = 2', is: 'a = 1\nb = 3', why: 'old' })
    expect(changesOf(detail)).toEqual([
      { field: '', was: 'b = 2', is: null },
      { field: '', was: null, is: 'b = 3' },
    ])
  })

  it('is nothing that can be read of anything else', () => {
    expect(changesOf('main')).toBeNull()
    expect(changesOf('[1]')).toBeNull()
  })
})
