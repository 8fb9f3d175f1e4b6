// GET /doctor: every integration asked afresh, with what to do about it. For admins; where no key is needed, for whoever sits at the machine.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { renderDoctor } from '../../src/core/doctor-text.ts'
import { AppError } from '../../src/core/errors.ts'
import { iso } from '../present.ts'
import { answers, inTypes } from '../schemas.ts'
import { Report } from './schema.ts'

const TEXT = 'text/plain'

const routes: FastifyPluginAsyncTypebox<{ everybody: boolean }> = async (app, { everybody }) => {
  app.get('/doctor', {
    schema: {
      operationId: 'getDoctor',
      tags: ['health'],
      summary: 'Ask every integration how it is, and what to do about it',
      description: 'Calls each configured upstream once, within 5 s. Secrets are masked. Where no key is needed it is answered to everybody in ' +
        'development, else to callers on the machine itself: a loopback connection, asked for by a loopback name, without X-Forwarded headers.',
      response: answers({ 200: inTypes('The report.', { 'application/json': Report, [TEXT]: Type.String() }) }, 403)
    },
    serializerCompiler: () => JSON.stringify
  }, async (request, reply) => {
    if (!everybody && !isLocal(request)) throw new AppError('local_callers_only')
    const report = await app.doctor.examine()
    reply.header('cache-control', 'no-store')
    if (request.preferred(['application/json', TEXT]) === TEXT) return reply.type(`${TEXT}; charset=utf-8`).serializer(String).send(renderDoctor(report))
    const { at, ...rest } = report
    return reply.send({ ...rest, timestamp: iso(at) })
  })
}

export default routes

const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.|^::1$/
const LOOPBACK_NAME = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i
const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

/**
 * A proxy on this machine connects from loopback for callers from anywhere: it names them, or hands on the name that they asked for. A page in
 * a browser of this machine that has its own name lead here asks for that name as well.
 */
const isLocal = ({ raw, headers }: FastifyRequest): boolean =>
  LOOPBACK_ADDRESS.test(raw.socket.remoteAddress ?? '') && LOOPBACK_NAME.test(headers.host ?? '') && FORWARDING.every((name) => headers[name] === undefined)
