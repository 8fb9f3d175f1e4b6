// Takes the place of src/agents in a server process of a test: an assistant that waits for the test in the middle of a reply.
import type { Responder } from '../../src/core/ports.ts'

export const agents = []

// The channel to the test must not keep the process alive.
const parent = new EventTarget()
process.on('message', () => { parent.dispatchEvent(new Event('go')) })
process.channel?.unref()
// A test that was killed leaves no server behind.
process.on('disconnect', () => { process.exit(1) })

/** Says `begun, `, waits for the test's word or for its end, and says `done`. */
export const createAssistant = (): Responder => ({
  name: 'stub',
  async * respond (_conversation, { signal }) {
    yield 'begun, '
    await new Promise<void>((resolve) => {
      parent.addEventListener('go', () => { resolve() }, { once: true })
      signal.addEventListener('abort', () => { resolve() }, { once: true })
    })
    if (!signal.aborted) yield 'done'
  }
})
