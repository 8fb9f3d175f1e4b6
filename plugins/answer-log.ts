// One log line a request, and its duration for the metrics.
import type { FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'
import { pathOf } from './error-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A stream, or an answer that waits on purpose: its duration says nothing about our speed. */
    stream?: boolean
  }
}

/** One name for all paths that nobody registered, so that random paths do not grow the metrics. */
export const UNKNOWN_ROUTE = '__unknown__'

export interface Answer {
  method: string
  /** The pattern of the route, or UNKNOWN_ROUTE. */
  route: string
  status: number
  seconds: number
  stream: boolean
}

const plugin: FastifyPluginCallback<{ onAnswer: (answer: Answer) => void }> = (app, { onAnswer }, done) => {
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url } = request.routeOptions
    const answer: Answer = {
      method: request.method,
      route: request.is404 || url === undefined ? UNKNOWN_ROUTE : url,
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
      stream: config.stream === true
    }
    onAnswer(answer)
    const { seconds, stream, ...line } = answer
    const fields = { ...line, path: pathOf(request.originalUrl), ms: Math.round(seconds * 10_000) / 10, ip: request.ip }
    if (answer.status >= 500) request.log.error(fields, 'request failed')
    else request.log.info(fields, stream ? 'stream ended' : 'request')
    done()
  })
  done()
}

export default fp(plugin, { name: 'answer-log', fastify: '5.x' })
