/** A register becomes a message in the chat; whoever reads it opens its alarm, and answers it with the mouse. */
import assert from 'node:assert/strict'

export async function tell(browser, world) {
  await world.ask('gas 60')
  const message = JSON.parse(await world.ask('message I级（红）告警'))
  assert.match(message, /北区燃气（gas-north）/, message)
  const number = Number(/^编号：(\d+)$/m.exec(message)?.[1])
  assert(number > 0, `the message names its alarm: ${message}`)

  const page = await browser.signIn(world.login('centre'))
  await page.goto(`${browser.base}/alarms/${number}`)
  const details = page.getByRole('complementary')
  await details.getByText('未确认').first().waitFor()
  // Nobody has answered yet: whom it is told to next runs on the page.
  await details
    .getByText(/将上报(监管所|指挥中心)/)
    .first()
    .waitFor()
  await details.getByRole('button', { name: '确认', exact: true }).click()

  // The state, whose answer it is, and the receipt of the chat.
  await details.getByText('已确认').first().waitFor()
  await details.getByText('centre', { exact: true }).first().waitFor()
  const receipt = details
    .getByRole('listitem')
    .filter({ hasText: 'chat' })
    .filter({ hasText: '触发' })
    .first()
  await receipt.getByText('已送达').waitFor()
  await page.screenshot({ path: browser.screenshotPath('story-answer') })
}
