/** An alarm arrives on screen and is answered with one key, the rest of its site as a group; a colleague sees who did. */
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

  // As one opens an address that was sent.
  const sent = await browser.tab(colleague)
  await sent.goto(`${browser.base}/alarms/${id}`)
  await sent.getByRole('complementary').getByText('centre').first().waitFor()
  await page.screenshot({ path: browser.screenshotPath('story-alarm') })

  // The lower levels of the same gas are still unanswered: one group, answered at once by keyboard alone.
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  const group = page.getByRole('row', { expanded: false }).first()
  await group.getByText('整组确认').waitFor()
  // The address names the grouping, so that it can be sent to a colleague.
  await page.waitForURL(/[?&]group=site/)
  await page.keyboard.press('j')
  await page.keyboard.press('a')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^确认 \d+ 条$/ })
    .waitFor()
  await page.screenshot({ path: browser.screenshotPath('story-group') })
  await page.keyboard.press('Enter')
  // More of the gas alarms' levels may come meanwhile, so the group itself may be waiting again.
  await page.getByText(/^已确认 \d+ 条$/).waitFor()

  // What a person chose is there again after a reload.
  await page.goto(`${browser.base}/alarms`)
  await page.getByRole('row', { expanded: false }).first().waitFor()
}
