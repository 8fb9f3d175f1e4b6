// Puts the doctor on the core instance: with what is known of the configuration, and with the store and the upstreams of this process.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { integrationFacts, type Config, type Loaded } from '../src/config/index.ts'
import type { Clock } from '../src/core/clock.ts'
import { createDoctor, type Doctor } from '../src/core/doctor.ts'
import type { StoreReport } from '../src/core/doctor-report.ts'
import type { Store } from '../src/core/store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    doctor: Doctor
  }
}

export interface DoctorPluginOptions extends Pick<Loaded, 'origins' | 'warnings'> {
  config: Config
  version: string
  clock: Clock
}

const plugin: FastifyPluginAsync<DoctorPluginOptions> = async (app, { config, origins, warnings, version, clock }) => {
  const { orchestrator } = app
  const standIns = app.upstreams.list.filter(({ source }) => source === 'sandbox').map(({ name }) => name)
  app.decorate('doctor', createDoctor({
    about: aboutOf(config, standIns, warnings, version),
    integrations: integrationFacts(config, origins),
    breakers: orchestrator.breakers,
    probes: orchestrator.probes,
    store: () => askStore(orchestrator.store, clock),
    clock
  }))
}

export default fp(plugin, { name: 'doctor', fastify: '5.x', dependencies: ['orchestrator', 'upstreams'] })

/** What every report begins with. */
export const aboutOf = (config: Config, standIns: readonly string[], warnings: string[], version: string) => ({
  service: config.appName,
  version,
  profile: config.profile,
  node: process.versions.node,
  sandbox: { mode: config.sandbox.mode, upstreams: [...standIns] },
  warnings
})

/** As the readiness check does it: with a write. */
const askStore = async (store: Store, clock: Clock): Promise<StoreReport> => {
  const about = { engine: store.engine, path: store.place }
  try {
    const ms = await store.probe(clock.now())
    return { ...about, writable: true, message: `a durable write took ${ms.toFixed(1)} ms` }
  } catch {
    return { ...about, writable: false, message: 'a durable write failed; the log says why' }
  }
}
