/** What lies outside the browser. The test that started us changes it when asked, over our standard streams. */
import process from 'node:process'
import { createInterface } from 'node:readline'

export class World {
  #waiting = []

  constructor(logins) {
    this.#logins = logins
    this.#lines = createInterface({ input: process.stdin })
    this.#lines.on('line', (line) => this.#waiting.shift()?.(line))
  }

  #logins
  #lines

  login(username) {
    return { username, password: this.#logins[username] }
  }

  /** Asks for something and waits until it is done; what is answered, in one line. */
  async ask(what) {
    const done = new Promise((resolve) => this.#waiting.push(resolve))
    process.stdout.write(`ASK ${what}\n`)
    return await done
  }

  close() {
    this.#lines.close()
    process.stdin.destroy()
  }
}
