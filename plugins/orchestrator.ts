// Puts the orchestrator and the circuit breakers on the core instance, starts them when it is ready and stops them in order.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { BreakerRegistry } from '../src/core/breaker-registry.ts'
import type { Orchestrator } from '../src/core/orchestrator.ts'

declare module 'fastify' {
  interface FastifyInstance {
    orchestrator: Orchestrator
    breakers: BreakerRegistry
  }
}

export interface OrchestratorPluginOptions {
  orchestrator: Orchestrator
  /** Run jobs and fire schedules in this process. */
  work: boolean
  /** How long running jobs may go on after the listener has closed, milliseconds. */
  finishWithinMs: number
}

const plugin: FastifyPluginAsync<OrchestratorPluginOptions> = async (app, { orchestrator, work, finishWithinMs }) => {
  app.decorate('orchestrator', orchestrator)
  app.decorate('breakers', orchestrator.breakers)
  app.addHook('onReady', async () => { await orchestrator.start({ work }) })
  // An open stream would keep close() waiting for ever: they end before the listener closes.
  app.addHook('preClose', async () => {
    orchestrator.drain()
    orchestrator.streams.drain()
  })
  app.addHook('onClose', async () => {
    await orchestrator.stop(finishWithinMs)
    await orchestrator.store.close()
  })
}

export default fp(plugin, { name: 'orchestrator', fastify: '5.x' })
