/** A live picture plays: its time advances and it is not black. */
import assert from 'node:assert/strict'
import { limitMs } from '../browser.mjs'

export async function tell(browser, world) {
  const page = await browser.signIn(world.login('centre'))
  for (const [path, stream] of [
    ['/cameras/camera-1', 'main'],
    ['/cameras', 'sub'],
  ]) {
    await page.goto(`${browser.base}${path}`)
    await page.locator('[data-device="camera-1"][data-state="live"]').waitFor()
    const before = await page
      .locator('video')
      .first()
      .evaluate((video) => video.currentTime)
    await page.waitForFunction((before) => document.querySelector('video').currentTime > before + 1, before, {
      timeout: limitMs,
    })
    const brightness = await page.locator('video').first().evaluate(averageBrightness)
    assert(brightness > 20, `the ${stream} picture has an average brightness of ${brightness} of 255`)
    await page.screenshot({ path: browser.screenshotPath(`story-camera-${stream}`) })
  }
}

/** Runs in the page. */
function averageBrightness(video) {
  const canvas = document.createElement('canvas')
  canvas.width = 64
  canvas.height = 36
  const context = canvas.getContext('2d')
  context.drawImage(video, 0, 0, canvas.width, canvas.height)
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
  let sum = 0
  for (let at = 0; at < data.length; at += 4) sum += (data[at] + data[at + 1] + data[at + 2]) / 3
  return sum / (data.length / 4)
}
