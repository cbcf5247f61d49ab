/** Runs one story: `node run.mjs STORY`. Ends with 0 when it went as told. */
import process from 'node:process'
import { openBrowser } from './browser.mjs'
import { World } from './world.mjs'

const name = process.argv[2]
const { base, logins } = JSON.parse(process.env.BRIGHTWATCH_STORY ?? '{}')
if (!name || !base || !logins) {
  console.error('usage: BRIGHTWATCH_STORY=… node run.mjs STORY; tests/it/browser.rs does')
  process.exit(2)
}

/** Where a window is by its own word, with its steps, and the address as which it was loaded. */
const itsPlace =
  "[location.href, history.length, JSON.stringify(history.state), performance.getEntriesByType('navigation')[0]?.name].join(' ')"

const { tell } = await import(`./stories/${name}.mjs`)
const browser = await openBrowser(base)
const world = new World(logins)
try {
  await tell(browser, world)
  browser.assertNothingWentWrong()
} catch (error) {
  console.error(error)
  for (const problem of browser.problems) console.error(problem)
  for (const [number, page] of browser.pages().entries()) {
    // First what has a time limit: a page that stands still answers nothing.
    await page.screenshot({ path: browser.screenshotPath(`${name}-failed-${number}`) })
    console.error(`window ${number}: ${page.url()}; by its own word ${await page.evaluate(itsPlace)}`)
  }
  process.exitCode = 1
} finally {
  await browser.close()
  world.close()
}
