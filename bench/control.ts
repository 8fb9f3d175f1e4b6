// What a measured process tells the run: its port, and on request its memory and its processor time.

export type ControlRequest = 'memory' | 'cpu'

export interface ControlAnswer {
  port?: number
  /** Bytes resident after a collection that gives free pages back to the system. */
  rss?: number
  /** The same after an ordinary full collection: V8 keeps free pages for what comes next. */
  rssKept?: number
  /** Processor time so far, milliseconds. */
  cpuMs?: number
  /** Figures of a case that the process measured by itself, one a round. */
  rounds?: number[]
}

/** Says that the process is ready and answers requests until the run goes away. */
export const serveControl = (ready: ControlAnswer): void => {
  process.on('message', (request: ControlRequest) => {
    if (request === 'memory') memory().then(say, (error: unknown) => { throw error })
    else say({ cpuMs: cpuMs() })
  })
  process.on('disconnect', () => { process.exit(0) })
  say(ready)
}

const say = (answer: ControlAnswer): void => { process.send?.(answer) }

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const memory = async (): Promise<ControlAnswer> => {
  await collect(() => { globalThis.gc!() })
  const kept = process.memoryUsage().rss
  await collect(() => { globalThis.gc!({ type: 'major', execution: 'sync', flavor: 'last-resort' }) })
  return { rssKept: kept, rss: process.memoryUsage().rss }
}

/** More than once: the first collection only finds what finalizers then let go. */
const collect = async (pass: () => void): Promise<void> => {
  for (let count = 0; count < 3; count++) {
    pass()
    await new Promise((resolve) => { setTimeout(resolve, 100) })
  }
}
