// A listening app, somebody who talks to it, and the whole of what a session's stream holds.
import type { Test } from 'tap'
import type { Parts } from '../../src/app.ts'
import { buildTestApp, listen } from './app.ts'
import { openStream, type Frame } from './event-source.ts'
import { createTalk } from './talk.ts'

export const setup = async (t: Test, parts: Parts = {}, environment: Record<string, string> = {}) => {
  // Failed attempts are made again at once: no jitter.
  const { app, lines } = await buildTestApp(t, { BACKGROUND_WORK: 'true', ...environment }, { random: () => 0, ...parts })
  const origin = await listen(app)
  return { app, lines, origin, talk: createTalk(origin) }
}

export type Talk = ReturnType<typeof createTalk>

/** All that is stored of a session's stream, read as often as it ends. */
export const wholeStream = async (talk: Talk, session: string): Promise<Frame[]> => {
  const frames: Frame[] = []
  for (;;) {
    const stream = openStream(talk.stream(session), { lastEventId: String(frames.at(-1)?.id ?? 0) })
    if ((await stream.opened).status === 204) return frames
    await stream.closed
    frames.push(...stream.frames)
  }
}
