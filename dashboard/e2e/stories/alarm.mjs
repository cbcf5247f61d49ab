/** An alarm arrives on screen and is answered with one key; a colleague sees who did. */
import assert from 'node:assert/strict'

export async function tell(browser, world) {
  const page = await browser.signIn(world.login('centre'))
  await page.goto(`${browser.base}/alarms`)
  const colleague = await browser.signIn(world.login('office'))
  await colleague.goto(`${browser.base}/alarms`)

  await world.ask('gas 60')
  const row = page.getByRole('row').filter({ hasText: '北区燃气' }).filter({ hasText: '60' }).first()
  await row.waitFor()
  await colleague.getByRole('row').filter({ hasText: '北区燃气' }).first().waitFor()

  await row.click()
  const id = Number(new URL(page.url()).pathname.split('/').at(-1))
  assert(id > 0, `the address names the alarm: ${page.url()}`)
  await page.keyboard.press('a')
  const details = page.getByRole('complementary')
  await details.getByText('centre').first().waitFor()

  await colleague.goto(`${browser.base}/alarms/${id}`)
  await colleague.getByRole('complementary').getByText('centre').first().waitFor()
  await page.screenshot({ path: browser.screenshotPath('story-alarm') })
}
