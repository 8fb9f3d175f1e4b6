// The server under measurement: the production set-up, with a scripted assistant in the place of the real one unless BENCH_ASSISTANT=own.
import type { AddressInfo } from 'node:net'
import { createLogger } from '../plugins/logger.ts'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/index.ts'
import type { Responder } from '../src/core/ports.ts'
import { serveControl } from './control.ts'

/** Answers `say <n>` with n deltas at once, and `say <n> slowly` with each in a turn of the event loop of its own. */
const scripted: Responder = {
  name: 'scripted',
  async * respond ({ question }) {
    const [, count, slowly] = /^say (\d+)( slowly)?$/.exec(question.content) ?? [undefined, '1']
    const pieces = Number(count)
    for (let piece = 1; piece <= pieces; piece++) {
      yield `piece ${piece} of ${pieces} `
      if (slowly !== undefined) await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
}

const { config } = loadConfig(process.env)
const own = process.env['BENCH_ASSISTANT'] === 'own'
const app = await buildApp(config, createLogger(config), own ? {} : { assistant: () => scripted })
await app.listen({ host: config.server.host, port: config.server.port })
serveControl({ port: (app.server.address() as AddressInfo).port })
