// The owner's lists: hand one in as CSV, look at what is there, take one away.
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ANONYMOUS } from '../../src/core/effects/actors.ts'
import { AppError } from '../../src/core/errors.ts'
import { MOST_COLUMNS, MOST_ROWS, REQUIRED_COLUMNS } from '../../src/core/feeds/csv.ts'
import { FEED_NAMES, type FeedName } from '../../src/core/shop-history.ts'
import type { FeedHead } from '../../src/core/store-history.ts'
import { iso } from '../present.ts'
import { answers, inTypes, pageOf, PageQuery } from '../schemas.ts'
import { FeedBody, FeedCsv, FeedParams, FeedRows, FeedSummary } from './schema.ts'

const BODY_LIMIT_BYTES = 5 * 1024 * 1024
const CSV_TYPE = 'text/csv; charset=utf-8'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { feeds } = app.orchestrator

  // In this scope alone: everywhere else a body is JSON.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 || isCsv(request.headers['content-type'] ?? '')) done(null, body)
    else done(new AppError('unsupported_media_type', { message: 'Send the list as text/csv in UTF-8.' }))
  })

  app.get('/feeds', {
    schema: {
      operationId: 'listFeeds',
      tags: ['feeds'],
      summary: 'List the owner\'s lists, and which columns each needs',
      response: answers({ 200: Type.Object({ feeds: Type.Array(FeedSummary), total: Type.Integer({ description: 'Those that were handed in.' }) }) })
    }
  }, async () => {
    const known = await feeds.list()
    return { feeds: FEED_NAMES.map((name) => present(name, known.find((head) => head.name === name))), total: known.length }
  })

  app.get('/feeds/:name', {
    schema: {
      operationId: 'getFeed',
      tags: ['feeds'],
      summary: 'Read one of the owner\'s lists, as JSON or CSV',
      description: 'A page of rows, or the whole list as CSV when `Accept` asks for `text/csv`.',
      params: FeedParams,
      querystring: Type.Object(PageQuery(100)),
      response: answers({ 200: inTypes('The rows.', { 'application/json': FeedRows, 'text/csv': FeedCsv }) }, 400, 404, 409)
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    const { name } = request.params
    reply.header('vary', 'accept')
    if (request.preferred(['application/json', 'text/csv']) === 'text/csv') {
      const lines = await feeds.csv(name)
      return reply.type(CSV_TYPE).header('content-disposition', `attachment; filename="${name}.csv"`).send(Readable.from(lines))
    }
    const { head, items, next_cursor: next } = await feeds.page(name, pageOf(request.query))
    return reply.type('application/json; charset=utf-8').send({
      name: head.name, received_at: iso(head.received_at), columns: head.columns, total: head.rows, rows: items, next_cursor: next
    })
  })

  app.put('/feeds/:name', {
    bodyLimit: BODY_LIMIT_BYTES,
    schema: {
      operationId: 'replaceFeed',
      tags: ['feeds'],
      summary: 'Hand in one of the owner\'s lists as CSV',
      description: `It takes the place of the one before. At most 5 MiB, ${MOST_ROWS} rows and ${MOST_COLUMNS} columns. ` +
        Object.entries(REQUIRED_COLUMNS).map(([name, columns]) => `\`${name}\` needs ${columns.join(', ')}`).join('; ') +
        '. A list that cannot be read is refused whole, with the number of the line. Each change is in `GET /audit`.',
      consumes: ['text/csv'],
      params: FeedParams,
      body: FeedBody,
      response: {
        ...answers({ 200: FeedSummary }, 400, 404, 507),
        413: { description: 'The list is larger than 5 MiB.', ...Type.Ref('Error') },
        415: { description: 'The body is no CSV.', ...Type.Ref('Error') }
      }
    }
  }, async (request) => {
    const bytes = request.body as Uint8Array | null | undefined
    const head = await feeds.replace(request.params.name, bytes ?? new Uint8Array(), { actor: request.caller?.name ?? ANONYMOUS, request_id: request.id })
    return present(head.name, head)
  })

  app.delete('/feeds/:name', {
    schema: {
      operationId: 'deleteFeed',
      tags: ['feeds'],
      summary: 'Take one of the owner\'s lists away',
      params: FeedParams,
      response: answers({ 204: Type.Null({ description: 'It is gone.' }) }, 404, 413, 415, 507)
    }
  }, async (request, reply) => {
    await feeds.remove(request.params.name, { actor: request.caller?.name ?? ANONYMOUS, request_id: request.id })
    return reply.code(204).send(null)
  })
}

export default routes

const present = (name: FeedName, head: FeedHead | undefined) => ({
  name,
  received_at: head === undefined ? null : iso(head.received_at),
  rows: head?.rows ?? null,
  columns: head?.columns ?? null,
  required_columns: [...REQUIRED_COLUMNS[name]],
  actor: head?.actor ?? null
})

const isCsv = (contentType: string): boolean => /^text\/csv\s*(?:;\s*(?:header=(?:present|absent)|charset="?utf-8"?)\s*)*;?\s*$/i.test(contentType)
