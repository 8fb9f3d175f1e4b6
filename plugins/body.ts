// Reads request bodies: one parser for every content type, so that no spelling of it goes around the checks.
import { isUtf8 } from 'node:buffer'
import type { FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'
import sjson from 'secure-json-parse'
import { AppError } from '../src/core/errors.ts'
import { isStorable } from './text.ts'

/** JSON.parse takes deeper nesting than JSON.stringify can write back. */
const MAX_DEPTH = 64

/** What the contract calls every body that is no JSON object. */
const NO_JSON = 'No JSON data provided'

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/

const plugin: FastifyPluginCallback = (app, _options, done) => {
  app.decorate('parseJson', parseJson)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, parseBody(request.headers['content-type'] ?? '', body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
  done()
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Reads JSON as bodies are read, for scopes that take them as bytes. */
    parseJson: typeof parseJson
  }
}

export default fp(plugin, { name: 'body', fastify: '5.x' })

/**
 * The parsed body; undefined when there is none, whatever its type says.
 * @throws AppError `unsupported_media_type`, `malformed_text`, `malformed_json`, `nested_too_deeply`
 */
const parseBody = (contentType: string, body: Buffer): unknown => {
  if (body.length === 0) return undefined
  if (!isJson(contentType)) throw new AppError('unsupported_media_type')
  return parseJson(body)
}

/** @throws AppError `malformed_text`, `malformed_json`, `nested_too_deeply` */
const parseJson = (body: Buffer): unknown => {
  if (!isUtf8(body)) throw new AppError('malformed_text')
  let value: unknown
  try {
    value = sjson.parse(body.toString(), undefined, { protoAction: 'error', constructorAction: 'error' })
  } catch (cause) {
    throw new AppError('malformed_json', { title: NO_JSON, cause })
  }
  checkTree(value, 1)
  return value
}

const isJson = (contentType: string): boolean => {
  const [type, ...parameters] = contentType.toLowerCase().split(';').map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  return JSON_TYPE.test(type!) && (charset === undefined || /^charset="?utf-8"?$/.test(charset))
}

const checkTree = (value: unknown, depth: number): void => {
  if (typeof value === 'string') {
    if (!isStorable(value)) throw new AppError('malformed_text')
    return
  }
  if (value === null || typeof value !== 'object') return
  if (depth > MAX_DEPTH) throw new AppError('nested_too_deeply')
  if (Array.isArray(value)) {
    for (const item of value) checkTree(item, depth + 1)
    return
  }
  for (const [key, item] of Object.entries(value)) {
    if (!isStorable(key)) throw new AppError('malformed_text')
    checkTree(item, depth + 1)
  }
}
