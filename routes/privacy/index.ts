// Requests about personal data: take somebody out of everything, or give out what is known of them.
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { PRIVACY_KINDS, type PrivacyRequest } from '../../src/core/privacy/store.ts'
import { iso, isoOrNull, locationOf } from '../present.ts'
import { answers, Id, inTypes, NextCursor, Nullable, OneOf, pageOf, PageQuery, Time } from '../schemas.ts'

const Request = Type.Object({
  id: Id('The request.'),
  kind: OneOf(PRIVACY_KINDS, {
    description: '`redact` takes a person out of everything, `data_request` collects what is known of them, `shop_redact` empties the store of a shop.'
  }),
  source: Type.String({ description: '`shopify`, or `api`.' }),
  customer_id: Nullable(Type.String({ description: 'Shopify\'s number of the customer.' })),
  status: OneOf(['open', 'done'], { description: 'Once it is done, nothing but the number is kept of whom it was about.' }),
  job_id: Id('The job that does it.'),
  places: Nullable(Type.Record(Type.String(), Type.Integer(), { description: 'Rows that held something, by table.' })),
  received_at: Time('When it came.'),
  finished_at: Nullable(Time('When it was done.'))
})

const Word = Type.String({ minLength: 3, maxLength: 200, pattern: '\\S' })
const Texts = (what: string) => Type.Optional(Type.Array(Word, { maxItems: 20, description: what }))
const Params = Type.Object({ id: Id('From GET /privacy/requests.') })

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { privacy } = app.orchestrator

  app.post('/privacy/requests', {
    schema: {
      operationId: 'filePrivacyRequest',
      tags: ['privacy'],
      summary: 'Redact or collect what is known of a person',
      description: 'As Shopify\'s `customers/redact`, `customers/data_request` and `shop/redact` do, and for names as well, which Shopify does not tell. ' +
        'Their addresses, numbers and names become `[redacted]` wherever they stand in a text; the rest stays.',
      body: Type.Object({
        kind: OneOf(PRIVACY_KINDS),
        customer_id: Type.Optional(Type.String({ pattern: '^[0-9]{1,20}$' })),
        emails: Texts('Email addresses.'),
        phones: Texts('Phone numbers, with the code of their country where it is known.'),
        names: Texts('Full names.')
      }),
      response: answers({ 202: Request }, 400, 413, 415, 507)
    }
  }, async (request, reply) => {
    const { kind, customer_id: customer = null, emails = [], phones = [], names = [] } = request.body
    const person = kind === 'shop_redact' ? null : { customer_id: customer, emails, phones, names }
    const filed = await privacy.file({ kind, person, source: request.caller?.name ?? 'api' })
    return reply.code(202).header('location', locationOf(request, `/privacy/requests/${filed.id}`)).send(present(filed))
  })

  app.get('/privacy/requests', {
    schema: {
      operationId: 'listPrivacyRequests',
      tags: ['privacy'],
      summary: 'List the requests about personal data, newest first',
      querystring: Type.Object(PageQuery(100)),
      response: answers({ 200: Type.Object({ requests: Type.Array(Request), next_cursor: NextCursor }) }, 400)
    }
  }, async (request) => {
    const { items, next_cursor: next } = await privacy.list(pageOf(request.query))
    return { requests: items.map(present), next_cursor: next }
  })

  app.get('/privacy/requests/:id', {
    schema: { operationId: 'getPrivacyRequest', tags: ['privacy'], summary: 'Look at a request', params: Params, response: answers({ 200: Request }, 404) }
  }, async (request) => present(await privacy.get(request.params.id)))

  app.get('/privacy/requests/:id/data', {
    schema: {
      operationId: 'getPrivacyData',
      tags: ['privacy'],
      summary: 'Fetch what a data_request collected, as JSON Lines',
      description: 'A line a row, with its table. Kept for 30 days.',
      params: Params,
      response: answers({ 200: inTypes('The rows.', { 'application/jsonl': Type.String() }) }, 404)
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    const lines = await privacy.lines(request.params.id)
    return reply.type('application/jsonl; charset=utf-8').header('content-disposition', 'attachment; filename="personal-data.jsonl"').send(Readable.from(lines))
  })
}

export default routes

const present = ({ person: _person, received_at: received, finished_at: finished, ...request }: PrivacyRequest) =>
  ({ ...request, received_at: iso(received), finished_at: isoOrNull(finished) })
