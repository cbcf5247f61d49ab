/** A lost gateway is said at once and in words; when it is back, the screen heals by itself. */
import assert from 'node:assert/strict'

/** The dashboard promises 3 s; the rest is for a busy machine. */
const noticedWithinMs = 6_000

export async function tell(browser, world) {
  const page = await browser.signIn(world.login('centre'))
  await page.goto(`${browser.base}/alarms`)
  await page.waitForLoadState('networkidle')
  assert.equal(await page.getByRole('alert').count(), 0)

  browser.isGatewayAway = true
  await world.ask('stop gateway')
  await page.getByRole('alert').first().waitFor({ timeout: noticedWithinMs })
  await page.screenshot({ path: browser.screenshotPath('story-connection-lost') })

  await world.ask('start gateway')
  await page.getByRole('alert').first().waitFor({ state: 'detached' })
  browser.isGatewayAway = false
  await world.ask('gas 60')
  await page.getByRole('row').filter({ hasText: '北区燃气' }).first().waitFor()
}
