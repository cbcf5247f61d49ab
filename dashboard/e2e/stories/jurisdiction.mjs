/** Everybody signs in and sees the devices of their own jurisdiction, and not a name of another. */
import assert from 'node:assert/strict'

const north = '北区燃气'
const south = '南区燃气'

export async function tell(browser, world) {
  for (const { account, sees, never } of [
    { account: 'admin', sees: [north, south], never: [] },
    { account: 'centre', sees: [north, south], never: [] },
    { account: 'office', sees: [north], never: [south, '南区'] },
    { account: 'township', sees: [south], never: [north, '北区'] },
    { account: 'owner', sees: [south], never: [north, '北区'] },
  ]) {
    const page = await browser.signIn(world.login(account))
    await page.goto(`${browser.base}/devices`)
    for (const township of await page.locator('button[aria-expanded=false]').all()) await township.click()
    for (const name of sees) await page.getByRole('button', { name }).first().waitFor()
    for (const path of ['/', '/alarms', '/devices', '/cameras']) {
      await page.goto(`${browser.base}${path}`)
      await page.waitForLoadState('networkidle')
      const text = await page.locator('body').innerText()
      for (const name of never) assert(!text.includes(name), `${account} reads ${name} on ${path}`)
    }
    // The list of accounts names others; one's own name stands on every page.
    await page.goto(`${browser.base}/users`)
    await page.waitForLoadState('networkidle')
    const other = account === 'office' ? 'township' : 'office'
    const names = await page.getByText(other, { exact: true }).count()
    assert.equal(names > 0, account === 'admin', `${account} finds ${names} times the account ${other}`)
    await page.context().close()
  }
}
