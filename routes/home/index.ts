// The start page: a JSON index for programs, a page to look around and ask the assistant for people.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from '@sinclair/typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../src/core/errors.ts'
import { answers, inTypes } from '../schemas.ts'

const Index = Type.Object({
  service: Type.String(),
  status: Type.Literal('ok'),
  version: Type.String(),
  backend: Type.Literal('fastify'),
  endpoints: Type.Object({
    health: Type.String(), readiness: Type.String(), metrics: Type.String(), command_center: Type.String(), api_docs: Type.String()
  })
})

export interface HomeOptions {
  service: string
  version: string
}

const HTML = 'text/html; charset=utf-8'
const SVG = 'image/svg+xml'
const SCRIPT = 'text/javascript; charset=utf-8'

/** The files that pages ask for, and nothing else. */
const ASSETS: Record<string, string> = {
  'page.css': 'text/css; charset=utf-8',
  'actor.js': SCRIPT,
  'api.js': SCRIPT,
  'brief.js': SCRIPT,
  'changes.js': SCRIPT,
  'chat.js': SCRIPT,
  'console.js': SCRIPT,
  'effects.js': SCRIPT,
  'events.js': SCRIPT,
  'freezes.js': SCRIPT,
  'key.js': SCRIPT,
  'live.js': SCRIPT,
  'page.js': SCRIPT,
  'panel.js': SCRIPT,
  'plan.js': SCRIPT,
  'proposals.js': SCRIPT,
  'service.js': SCRIPT,
  'icon.svg': SVG
}

const routes: FastifyPluginAsyncTypebox<HomeOptions> = async (app, { service, version }) => {
  const index = {
    service,
    status: 'ok' as const,
    version,
    backend: 'fastify' as const,
    endpoints: { health: '/healthz', readiness: '/readyz', metrics: '/metrics', command_center: '/command-center', api_docs: '/docs' }
  }

  app.get('/', {
    schema: {
      operationId: 'getIndex',
      tags: ['core'],
      summary: 'Start page',
      response: answers({ 200: inTypes('JSON for programs, HTML for browsers.', { 'application/json': Index, 'text/html': Type.String() }) })
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    reply.header('vary', 'accept')
    if (request.wantsHtml()) return reply.type(HTML).serializer(String).send(await asset('index.html'))
    return reply.send(index)
  })

  app.get('/assets/:file', { schema: { hide: true, params: Type.Object({ file: Type.String() }) } }, async (request, reply) => {
    const type = Object.hasOwn(ASSETS, request.params.file) ? ASSETS[request.params.file] : undefined
    if (type === undefined) throw new AppError('not_found')
    return reply.type(type).header('cache-control', 'no-cache').send(await asset(request.params.file))
  })

  app.get('/favicon.ico', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(SVG).header('cache-control', 'public, max-age=86400').send(await asset('icon.svg')))
}

export default routes

const contents = new Map<string, Promise<string>>()

/** Read once; a failed read is tried again. */
const asset = (name: string): Promise<string> => {
  let content = contents.get(name)
  if (content === undefined) {
    content = readFile(join(import.meta.dirname, 'assets', name), 'utf8')
    content.catch(() => { contents.delete(name) })
    contents.set(name, content)
  }
  return content
}
