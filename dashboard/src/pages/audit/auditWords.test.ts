import { describe, expect, it } from 'vitest'
import type { AuditEntry } from '@/api/types'
import { zhCN } from '@/text/zh-CN'
import { spoken } from './auditWords'

const entry = (changes: Partial<AuditEntry>): AuditEntry => ({
  id: 1,
  at_ms: 0,
  actor: 'zhang',
  action: 'session.open',
  object: '',
  detail: '',
  ...changes,
})
const postName = (post: string) =>
  ({ centre: '应急管理中心', 'office:furong': '芙蓉市场监管所' })[post] ?? post
const say = (changes: Partial<AuditEntry>) => spoken(entry(changes), { text: zhCN, postName })

describe('an entry of the audit log', () => {
  it('names posts, and says moments as times', () => {
    const added = { action: 'roster.add', object: 'office:furong', detail: '李 1795363200000..1795392000000' }
    expect(say(added)).toEqual({
      actor: 'zhang',
      action: '排班',
      object: '芙蓉市场监管所',
      detail: '李 2026-11-23 00:00:00 – 2026-11-23 08:00:00',
      changes: null,
      why: '',
    })
  })

  it('leaves alone what only looks like a post, and what people wrote', () => {
    expect(say({ action: 'user.change', object: 'centre' }).object).toBe('centre')
    expect(say({ action: 'roster.hand_over', detail: '1795363200000..' }).detail).toBe('1795363200000..')
  })

  it('numbers alarms and cases, names the stream and the server’s own shell', () => {
    expect(say({ action: 'case.open', object: '5' }).object).toBe('#5')
    expect(say({ action: 'camera.watch', detail: 'sub' }).detail).toBe('子码流')
    expect(say({ actor: 'server shell' }).actor).toBe('服务器命令行')
  })

  it('says role and jurisdiction of an account, and what it cannot read as it stands', () => {
    const account = {
      role: 'office_officer',
      office: 'furong',
      township: null,
      owner: null,
      is_disabled: true,
    }
    const detail = JSON.stringify(account)
    expect(say({ action: 'user.change', detail }).detail).toBe('市场监管所 · 芙蓉市场监管所 · 停用')
    expect(say({ action: 'user.add', detail: '{' }).detail).toBe('{')
  })

  it('shows an action that has no words yet as the gateway calls it', () => {
    expect(say({ action: 'new.thing' }).action).toBe('new.thing')
  })
})
