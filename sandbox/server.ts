// The sandbox in one process: an origin for each upstream, one for what is redirected, and the control API.
import type { Server } from 'node:http'
import type { Logger } from '../src/core/log.ts'
import { createBigquerySandbox } from './bigquery/index.ts'
import type { ForwardClock } from './clock.ts'
import { createControl } from './control.ts'
import { createCertificate } from './faults/certificate.ts'
import type { Fault } from './faults/kinds.ts'
import { createFaultPlan } from './faults/plan.ts'
import { createGithubSandbox } from './github/index.ts'
import { close, createElsewhere, createUpstreamListener, listen, plain, secure } from './listener.ts'
import { createLlmSandbox } from './llm/index.ts'
import { createRequestLog } from './requests.ts'
import { createStorefront } from './storefront.ts'
import { CREDENTIALS, UPSTREAMS, type Addresses, type Handler, type SandboxFacts, type UpstreamName } from './upstreams.ts'

export interface SandboxServerOptions {
  seed: number
  /** The control API's port; the others follow it. 0: free ports. */
  port: number
  upstreams: readonly UpstreamName[]
  /** Faults to begin with. */
  script: readonly Fault[]
  clock: ForwardClock
  log: Logger
}

export interface SandboxServer extends SandboxFacts {
  close (): Promise<void>
  /** Does the long work that the first question would wait for. */
  prepare (): void
  /** Removes its files. For the very end of the process: it waits for nothing. */
  leave (): void
}

/** @throws Error when a port is taken. */
export const startSandboxServer = async ({ seed, port, upstreams, script, clock, log }: SandboxServerOptions): Promise<SandboxServer> => {
  const now = (): number => clock.now()
  const requests = createRequestLog(now)
  const faults = createFaultPlan({ seed, now })
  const llm = createLlmSandbox({ now })
  const storefront = upstreams.includes('shopify_api') ? createStorefront({ seed, now }) : undefined
  const handlers: Record<UpstreamName, () => Handler | undefined> = {
    shopify_api: () => storefront?.handle,
    github_api: () => createGithubSandbox({ seed, now, credentials: CREDENTIALS.github_api }),
    bigquery: () => createBigquerySandbox({ now, clock, credentials: CREDENTIALS.bigquery }),
    llm: () => llm.handle
  }
  const certificate = createCertificate(now())
  const servers: Server[] = []
  // In a fixed order, so that a port chosen by hand gives each upstream the same port every time.
  const open = async (server: Server, place: number): Promise<number> => {
    servers.push(server)
    return await listen(server, port === 0 ? 0 : port + place)
  }

  try {
    const addresses: Addresses = { control: '', elsewhere: `http://127.0.0.1:${await open(plain(createElsewhere(requests)), 1)}`, wrong_host: {} }
    for (const [index, upstream] of UPSTREAMS.entries()) {
      const handle = upstreams.includes(upstream) ? handlers[upstream]() : undefined
      if (handle === undefined) continue
      const listener = createUpstreamListener({ upstream, handle, faults, requests, elsewhere: addresses.elsewhere, now, log })
      addresses[upstream] = `http://127.0.0.1:${await open(plain(listener), 2 + index)}`
      const onConnection = (): void => { requests.connected(upstream) }
      addresses.wrong_host[upstream] = `https://localhost:${await open(secure(listener, certificate, onConnection), 2 + UPSTREAMS.length + index)}`
    }
    const facts: SandboxFacts = { seed, addresses, credentials: CREDENTIALS }
    const control = createControl({ facts, faults, requests, llm, storefront, certificate, clock, log })
    addresses.control = `http://127.0.0.1:${await open(plain(control), 0)}`
    for (const fault of script) faults.add(fault)
    return {
      ...facts,
      close: async () => { await Promise.all(servers.map(close)) },
      prepare () { storefront?.prepare() },
      leave () { storefront?.close() }
    }
  } catch (error) {
    storefront?.close()
    await Promise.all(servers.filter((server) => server.listening).map(close))
    throw error
  }
}
