/** Chromium with a conscience: whatever goes wrong in a page is kept and fails the story. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const screenshots = path.resolve(fileURLToPath(import.meta.url), '../../../target/screenshots')

/** What one waits for on a busy machine; a story that waits so long has failed. */
export const limitMs = 30_000

export const screens = {
  wall: { width: 3840, height: 2160 },
  desk: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
}

export async function openBrowser(base) {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  assert(existsSync(executablePath), `${executablePath} is missing`)
  const chrome = await chromium.launch({
    executablePath,
    // Containers have neither the kernel's sandbox nor a large /dev/shm.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--autoplay-policy=no-user-gesture-required'],
  })
  return new Browser(chrome, base)
}

class Browser {
  problems = []
  /** Whether the gateway is away on purpose: requests then fail, and nothing is wrong. */
  isGatewayAway = false

  constructor(chrome, base) {
    this.chrome = chrome
    this.base = base
    mkdirSync(screenshots, { recursive: true })
  }

  pages() {
    return this.chrome.contexts().flatMap((context) => context.pages())
  }

  /** A window of somebody who is not signed in yet. */
  async open(screen = 'desk', language = 'zh-CN') {
    const context = await this.chrome.newContext({ viewport: screens[screen], locale: language })
    const page = await context.newPage()
    page.setDefaultTimeout(limitMs)
    this.#watch(page)
    await page.goto(`${this.base}/`)
    return page
  }

  /** A window in which this account is signed in, by its form. */
  async signIn(login, screen = 'desk', language = 'zh-CN') {
    const page = await this.open(screen, language)
    await page.locator('input[name=username]').fill(login.username)
    await page.locator('input[name=password]').fill(login.password)
    await page.locator('button[type=submit]').click()
    await page.waitForURL((url) => url.pathname !== '/sign-in')
    return page
  }

  /** Another tab of somebody who has one. */
  async tab(page) {
    const tab = await page.context().newPage()
    tab.setDefaultTimeout(limitMs)
    this.#watch(tab)
    return tab
  }

  screenshotPath(name) {
    return path.join(screenshots, `${name}.png`)
  }

  #watch(page) {
    const note = (problem) => {
      if (!this.isGatewayAway) this.problems.push(`${new URL(page.url()).pathname}: ${problem}`)
    }
    page.on('pageerror', (error) => note(`uncaught ${error.stack ?? error}`))
    page.on('console', (message) => {
      // Answers that are no failure, but that the browser logs by itself: nobody is signed in yet; a camera has sent no
      // still yet.
      const { url } = message.location()
      const isAnswer =
        (url.endsWith('/api/v1/session') && message.text().includes('401')) ||
        (/\/cameras\/[^/]+\/snapshot/.test(url) && message.text().includes('404'))
      if (message.type() === 'error' && !isAnswer)
        note(`console: ${message.text()} (${message.location().url})`)
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (!['data:', 'blob:'].includes(url.protocol) && url.hostname !== new URL(this.base).hostname) {
        note(`asks ${url.href}, which is not ours`)
      }
    })
    page.on('response', (response) => {
      if (response.status() >= 500) note(`${response.status()} of ${response.url()}`)
    })
  }

  assertNothingWentWrong() {
    assert.deepEqual(this.problems, [], 'something went wrong in a page')
  }

  async close() {
    await this.chrome.close()
  }
}
