/** Every page, in both languages, on wall, desk and phone: it comes up whole, and nothing sticks out sideways. */
import assert from 'node:assert/strict'
import { screens } from '../browser.mjs'

const paths = {
  overview: '/',
  alarms: '/alarms',
  cases: '/cases',
  duty: '/duty',
  quality: '/alarm-quality',
  devices: '/devices/gas-north',
  cameras: '/cameras',
  registry: '/registry',
  import: '/registry/import',
  nodes: '/registry/nodes',
  ledger: '/ledger',
  storage: '/storage',
  users: '/users',
  channels: '/channels',
  audit: '/audit',
  account: '/account',
}

export async function tell(browser, world) {
  await world.ask('gas 30')
  for (const screen of Object.keys(screens)) {
    for (const language of ['zh-CN', 'en']) {
      const page = await browser.signIn(world.login('admin'), screen, language)
      for (const [name, path] of Object.entries(paths)) {
        await page.goto(`${browser.base}${path}`)
        await page.waitForLoadState('networkidle')
        await page.getByText(/^(正在加载|Loading)$/).waitFor({ state: 'detached' })
        await page.screenshot({ path: browser.screenshotPath(`${name}-${screen}-${language}`) })
        const [needed, given] = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.clientWidth,
        ])
        assert(
          needed <= given,
          `${path} needs ${needed} of ${given} pixels on a ${screen} screen in ${language}`,
        )
      }
      await page.context().close()
    }
  }
}
