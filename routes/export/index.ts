// Everything that is stored, or one session, as lines of JSON: read page by page as fast as the caller takes it.
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { ownerSeen } from '../../src/core/access.ts'
import { AppError } from '../../src/core/errors.ts'
import { exportEverything, exportSession, type ExportRecord } from '../../src/core/export.ts'
import { answers, inTypes } from '../schemas.ts'
import { linesOf, type ExportFacts } from './lines.ts'

const TYPE = 'application/x-ndjson; charset=utf-8'
const EXAMPLE = '{"type":"header","data":{"format":"royal-equips-export","format_version":1,"scope":"session",…}}\n' +
  '{"type":"session","data":{"id":"…",…}}\n{"type":"message","data":{"role":"user","content":"Hello",…}}\n' +
  '{"type":"trailer","data":{"complete":true,"counts":{"session":1,"message":1},…}}\n'
const LINES = inTypes('A line a record: `type` and `data`. The first is a `header`, the last a `trailer` with the counts: a file without it is cut off.',
  { 'application/x-ndjson': Type.String({ examples: [EXAMPLE] }) })
const RETRY_MS = 5_000

const routes: FastifyPluginAsyncTypebox<{ version: string }> = async (app, { version }) => {
  const { sessions, store, clock, health } = app.orchestrator
  const open = new Set<Readable>()
  // One that is read slowly would keep the server from closing. Whoever reads it sees that the trailer is missing.
  app.addHook('preClose', (done) => {
    for (const lines of open) lines.destroy(new Error('the server stops'))
    done()
  })

  const send = (reply: FastifyReply, scope: ExportFacts['scope'], name: string, records: () => AsyncIterable<ExportRecord[]>): FastifyReply => {
    if (health.draining) throw new AppError('shutting_down', { retryAfterMs: RETRY_MS })
    reply.type(TYPE).header('content-disposition', `attachment; filename="${name}.jsonl"`).header('cache-control', 'no-store')
    // Whoever asks for the head alone would have the whole store read.
    if (reply.request.method === 'HEAD') return reply.send(Readable.from([]))
    const lines = Readable.from(linesOf(records(), { version, scope, now: () => clock.now() }))
    open.add(lines)
    lines.once('close', () => { open.delete(lines) })
    return reply.send(lines)
  }

  app.get('/export', {
    config: { stream: true },
    schema: {
      operationId: 'exportEverything',
      tags: ['core'],
      summary: 'Download everything as JSON lines',
      description: 'Sessions, messages, jobs, events, schedules and their runs, proposals with their decisions, effects and the chained ledger, the ' +
        'audit, policies, freezes, agents and holds of circuit breakers, table by table in the order of their keys, as the API shows them. Not in it: ' +
        'streams (messages have what was said), your lists (`GET /feeds/:name`) and the copy of the shop\'s orders. It is no snapshot: what changes ' +
        'meanwhile is in it in either form. Ends early when the server stops.',
      response: answers({ 200: LINES })
    }
  }, async (_request, reply) => send(reply, 'everything', 'export', () => exportEverything(store)))

  app.get('/agents/session/:session_id/export', {
    config: { stream: true },
    schema: {
      operationId: 'exportSession',
      tags: ['sessions'],
      summary: 'Download a session as JSON lines',
      description: 'The session, its messages, what is stored of its stream, and its jobs.',
      params: Type.Object({ session_id: Type.String({ description: 'From POST /agents/session.' }) }),
      response: answers({ 200: LINES }, 404)
    }
  }, async (request, reply) => {
    const session = await sessions.get(request.params.session_id, ownerSeen(request.caller))
    return send(reply, 'session', `session-${session.id}`, () => exportSession(store, session))
  })
}

export default routes
