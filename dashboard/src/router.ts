/** Which address shows which page, and what a person must be allowed to see it. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import type { Permission } from '@/api/types'
import { can, findPerson, isSessionKnown, me } from '@/state/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** null: anybody, even without signing in. */
    needs: Permission | null
    /** Without the bars around it. */
    isBare?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  {
    path: '/sign-in',
    name: 'sign-in',
    component: () => import('@/pages/sign-in/SignInPage.vue'),
    meta: { needs: null, isBare: true },
  },
  {
    path: '/',
    name: 'overview',
    component: () => import('@/pages/overview/OverviewPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/alarms/:alarm(\\d+)?',
    name: 'alarms',
    component: () => import('@/pages/alarms/AlarmsPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/cases/:case(\\d+)?',
    name: 'cases',
    component: () => import('@/pages/cases/CasesPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/duty',
    name: 'duty',
    component: () => import('@/pages/duty/DutyPage.vue'),
    meta: { needs: 'keep_roster' },
  },
  {
    path: '/alarm-quality',
    name: 'quality',
    component: () => import('@/pages/quality/QualityPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/devices/:device?',
    name: 'devices',
    component: () => import('@/pages/devices/DevicesPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/cameras',
    name: 'cameras',
    component: () => import('@/pages/cameras/CameraWallPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/cameras/:device',
    name: 'camera',
    component: () => import('@/pages/cameras/CameraPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/registry/:part(owners|sites|devices|import|discovered|nodes)?',
    name: 'registry',
    component: () => import('@/pages/registry/RegistryPage.vue'),
    meta: { needs: 'manage_registry' },
  },
  {
    path: '/ledger',
    name: 'ledger',
    component: () => import('@/pages/ledger/LedgerPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/storage',
    name: 'storage',
    component: () => import('@/pages/storage/StoragePage.vue'),
    meta: { needs: 'view_storage' },
  },
  {
    path: '/users',
    name: 'users',
    component: () => import('@/pages/users/UsersPage.vue'),
    meta: { needs: 'manage_users' },
  },
  {
    path: '/channels',
    name: 'channels',
    component: () => import('@/pages/channels/ChannelsPage.vue'),
    meta: { needs: 'manage_channels' },
  },
  {
    path: '/audit',
    name: 'audit',
    component: () => import('@/pages/audit/AuditPage.vue'),
    meta: { needs: 'read_audit' },
  },
  {
    path: '/account',
    name: 'account',
    component: () => import('@/pages/account/AccountPage.vue'),
    meta: { needs: 'view' },
  },
  {
    path: '/:rest(.*)*',
    name: 'not-found',
    component: () => import('@/pages/NotFoundPage.vue'),
    meta: { needs: 'view' },
  },
]

export const router = createRouter({ history: createWebHistory(), routes })

router.beforeEach(async (to) => {
  if (!isSessionKnown.value) await findPerson()
  const { needs } = to.meta
  if (needs === null) return me.value && to.name === 'sign-in' ? { name: 'overview' } : true
  if (!me.value) return { name: 'sign-in', query: to.path === '/' ? {} : { next: to.fullPath } }
  return can(needs) ? true : { name: 'not-found', params: { rest: to.path.split('/').filter(Boolean) } }
})

/** One new front page in this time; a part that still does not come is not helped by more. */
const freshStartEveryMs = 10_000

// A page that was open during an update asks for parts that are gone: the new front page knows the new ones.
router.onError((error, to) => {
  if (!(error instanceof TypeError) || !/module/i.test(error.message)) return
  const last = Number(window.sessionStorage.getItem('brightwatch.freshStart') ?? 0)
  if (Date.now() - last < freshStartEveryMs) return
  window.sessionStorage.setItem('brightwatch.freshStart', String(Date.now()))
  window.location.assign(to.fullPath)
})
