// Everything below /agents: the store agents, and the sessions with the assistant.
import type { FastifyPluginAsync } from 'fastify'
import agents from './agents.ts'
import messages from './messages.ts'
import sessions from './sessions.ts'
import stream from './stream.ts'

const routes: FastifyPluginAsync<{ streaming: boolean }> = async (app, { streaming }) => {
  await app.register(sessions)
  await app.register(messages)
  await app.register(stream, { enabled: streaming })
  await app.register(agents)
}

export default routes
