// The server that kills itself: the real one with the real integration, whose store and shop stop the process without warning at the step that the
// campaign names. What it proposes is drawn from the shop by an agent of the campaign.
import { createLogger } from '../../../plugins/logger.ts'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import type { Commerce, Lane } from '../../../src/core/commerce.ts'
import type { Store } from '../../../src/core/store.ts'
import { KILL_OPERATIONS, SHOP_WRITES, type KillStep } from './kill-steps.ts'
import { proposer, standIn } from './stand-in.ts'

const SETTLE_MS = 1_000
// Long enough for the request to be on its way, and too short for its answer.
const DURING_MS = 4

let armed: KillStep | undefined
process.on('message', (step: KillStep) => { armed = step })

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}
const isNow = (operation: string, when: KillStep['when']): boolean => armed?.operation === operation && armed.when === when

const killingStore = (store: Store): Store => {
  const wrapped = { ...store } as unknown as Record<string, (args: unknown) => Promise<unknown>>
  for (const operation of KILL_OPERATIONS) {
    const inner = wrapped[operation]!
    wrapped[operation] = async (args) => {
      // The end of other jobs is not meant.
      if (operation === 'settle' && armed !== undefined && (args as { id: string }).id !== armed.job && armed.job !== undefined) return await inner(args)
      if (isNow(operation, 'before')) return await die()
      const result = await inner(args)
      if (isNow(operation, 'after')) return await die()
      return result
    }
  }
  return wrapped as unknown as Store
}

// The control: the first look at an order after a start does not see the tags of the campaign, as if nobody had asked.
let blind = process.env['CONTROL'] === 'call-again'

const killingShop = (commerce: Commerce): Commerce => {
  const wrapped = Object.create(commerce) as Record<string, unknown>
  wrapped['order'] = async (...args: Parameters<Commerce['order']>) => {
    const order = await commerce.order(...args)
    if (!blind) return order
    blind = false
    return { ...order, tags: order.tags.filter((tag) => !tag.startsWith('campaign-')) }
  }
  wrapped['inLane'] = (lane: Lane) => killingShop(commerce.inLane(lane))
  for (const name of SHOP_WRITES) {
    const inner = (commerce[name] as (...args: unknown[]) => Promise<unknown>).bind(commerce)
    wrapped[name] = async (...args: unknown[]) => {
      if (isNow('call', 'before')) return await die()
      if (isNow('call', 'during')) setTimeout(() => { process.kill(process.pid, 'SIGKILL') }, DURING_MS)
      const result = await inner(...args)
      if (isNow('call', 'after')) return await die()
      return result
    }
  }
  return wrapped as unknown as Commerce
}

const { config } = loadConfig(process.env)
const logger = createLogger(config)
const { commerce, upstream } = standIn(config, logger)
const app = await buildApp(config, logger, {
  agents: [proposer],
  upstreams: { commerce: killingShop(commerce), list: [upstream] },
  wrapStore: killingStore,
  settleMs: SETTLE_MS
})
process.on('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
process.on('disconnect', () => { process.exit(0) })
await app.listen({ host: config.server.host, port: config.server.port })
process.send!({ origin: app.listeningOrigin })
