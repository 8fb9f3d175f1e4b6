// The API document, made from the schemas of the routes. Registered before them: it sees what comes after it.
import swagger from '@fastify/swagger'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { errorCatalogue } from '../src/core/errors.ts'
import { SECURITY_SCHEMES, secured } from './access.ts'
import { documented } from './idempotency.ts'
import { limited } from './limits.ts'

const TAGS = [
  { name: 'sessions', description: 'Conversations with the assistant: messages in, server-sent events out.' },
  { name: 'agents', description: 'The store agents: what there is, how each is doing, run one, pause it.' },
  { name: 'jobs', description: 'Background work as resources: every reply and every agent run is a job.' },
  { name: 'proposals', description: 'What agents want to change, and the decisions on it.' },
  { name: 'effects', description: 'What was changed: the ledger, its proof, and undoing.' },
  { name: 'policies', description: 'What agents may change, in versions.' },
  { name: 'freeze', description: 'The kill switch.' },
  { name: 'events', description: 'Facts from outside, turned into jobs of the agents that subscribed to them.' },
  { name: 'webhooks', description: 'Who outside is told of what happens here.' },
  { name: 'privacy', description: 'Requests about personal data.' },
  { name: 'schedules', description: 'Cron lines that make jobs.' },
  { name: 'feeds', description: 'The owner\'s own lists: competitors\' prices, suppliers, candidates for the catalogue.' },
  { name: 'health', description: 'Liveness, readiness and circuit breakers.' },
  { name: 'keys', description: 'Who may come in.' },
  { name: 'core', description: 'Start page, metrics, docs, command center.' }
]

const plugin: FastifyPluginAsync<{ title: string, version: string, keysNeeded: boolean }> = async (app, { title, version, keysNeeded }) => {
  const codes = errorCatalogue().map(({ code, statusCode, message }) => `| \`${code}\` | ${statusCode} | ${message} |`).join('\n')
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title,
        version,
        description: 'Runs AI agents for a Shopify store. Every route answers at the root and under `/api`.\n\n' +
          'Every JSON error has one shape; its `code` is one of:\n\n' + `| code | status | meaning |\n|---|---|---|\n${codes}\n`,
        license: { name: 'MIT', identifier: 'MIT' }
      },
      servers: [{ url: '/', description: 'At the root' }, { url: '/api', description: 'Behind the prefix of the old proxies' }],
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES },
      // Nothing is one of the ways where nobody is asked.
      security: [...keysNeeded ? [] : [{}], { key: [] }, { header: [] }]
    },
    transform: ({ schema, url, route }) =>
      ({ schema: schema === undefined ? schema : limited(url, secured(route.method, url, documented(route, schema))), url }),
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, index) => typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`
    }
  })
}

export default fp(plugin, { name: 'openapi', fastify: '5.x' })
