// One upstream's origin: logs each request, lets it meet its fault, and hands it to the upstream's handler.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../src/core/log.ts'
import type { Certificate } from './faults/certificate.ts'
import { errorBody } from './faults/error-bodies.ts'
import { inflict } from './faults/inflict.ts'
import type { FaultPlan } from './faults/plan.ts'
import { sendJson } from './http.ts'
import type { RequestLog } from './requests.ts'
import type { Handler, UpstreamName } from './upstreams.ts'

export interface ListenerOptions {
  upstream: UpstreamName
  handle: Handler
  faults: FaultPlan
  requests: RequestLog
  /** Origin of the listener behind redirects. */
  elsewhere: string
  now: () => number
  log: Logger
}

export const createUpstreamListener = (options: ListenerOptions): RequestListener => {
  const { upstream, handle, faults, requests, elsewhere, now, log } = options
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entry = requests.begin(upstream, request, response)
    const fault = faults.take(upstream, request.method ?? '', request.url ?? '/')
    if (fault === undefined) return await handle(request, response)
    entry.fault = fault.kind
    const controller = new AbortController()
    response.once('close', () => { controller.abort() })
    const told = (until: number): void => { requests.told(upstream, until) }
    await inflict(fault, { upstream, request, response, handle, elsewhere, told, now, closed: controller.signal })
  }
  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      // A caller that left while it was answered is no fault of ours.
      if (request.socket.destroyed) return
      log.error({ err: String(error), upstream, path: request.url?.split('?')[0] }, 'the sandbox could not answer')
      if (response.headersSent) response.destroy()
      else sendJson(response, 500, errorBody(upstream, 500))
    })
  }
}

/** The listener behind redirects: answers like the upstream of a thief, 200 to everything. */
export const createElsewhere = (requests: RequestLog): RequestListener => (request, response) => {
  requests.begin('elsewhere', request, response)
  sendJson(response, 200, { received: true })
}

export const plain = (listener: RequestListener): Server => patient(createServer(listener))

export const secure = (listener: RequestListener, certificate: Certificate, connected: () => void): Server => {
  const server = createSecureServer(certificate, listener)
  server.on('connection', connected)
  return patient(server)
}

/** Callers decide when they have waited long enough: `silent` and `drip` last as long as they like. */
const patient = (server: Server): Server => {
  server.requestTimeout = 0
  server.headersTimeout = 0
  // Longer than the pools of our own clients keep a connection, so that no request meets one that closes.
  server.keepAliveTimeout = 120_000
  return server
}

/** Answers the port. @throws Error that says which port is taken. */
export const listen = (server: Server, port: number): Promise<number> => new Promise((resolve, reject) => {
  server.once('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'EADDRINUSE' ? new Error(`Port ${port} is taken: give the sandbox another --port (it needs ten in a row), or none.`) : error)
  })
  server.listen({ host: '127.0.0.1', port }, () => { resolve((server.address() as AddressInfo).port) })
})

export const close = (server: Server): Promise<void> => new Promise((resolve) => {
  server.close(() => { resolve() })
  server.closeAllConnections()
})
