// Whether the caller still waits for the answer.
import type { FastifyReply } from 'fastify'

/** Aborts when the connection is gone before the answer. The request's own signal does not do: it aborts as soon as a body has been read. */
export const signalOfCaller = (reply: FastifyReply): AbortSignal => {
  const controller = new AbortController()
  reply.raw.once('close', () => { controller.abort() })
  return controller.signal
}
