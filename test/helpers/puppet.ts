// An assistant that a test holds by its strings: it says what the test makes it say, and shows what it was asked.
import type { Message } from '../../src/core/model.ts'
import type { Responder } from '../../src/core/ports.ts'

/** One attempt at one reply. */
export interface Call {
  messages: Message[]
  signal: AbortSignal
  /** When the signal fired, by performance.now(). */
  abortedAt: number | undefined
  say (...pieces: string[]): void
  finish (): void
  fail (message: string): void
}

export interface Puppet {
  assistant: () => Responder
  calls: Call[]
  /** The call of this number, from 0, when it has come. */
  call (index: number): Promise<Call>
}

/** `deaf`: does not stop when it is told to. */
export const createPuppet = ({ deaf = false } = {}): Puppet => {
  const calls: Call[] = []
  const waiting = new Map<number, (call: Call) => void>()
  const responder: Responder = {
    name: 'puppet',
    async * respond ({ history }, { signal }) {
      const messages = await history(50)
      const pieces: Array<string | Error | undefined> = []
      let wake = (): void => {}
      const push = (piece: string | Error | undefined): void => {
        pieces.push(piece)
        wake()
      }
      const call: Call = {
        messages,
        signal,
        abortedAt: undefined,
        say (...said) { for (const piece of said) push(piece) },
        finish () { push(undefined) },
        fail (message) { push(new Error(message)) }
      }
      signal.addEventListener('abort', () => {
        call.abortedAt = performance.now()
        if (!deaf) push(undefined)
      })
      const index = calls.push(call) - 1
      waiting.get(index)?.(call)
      for (;;) {
        while (pieces.length === 0) await new Promise<void>((resolve) => { wake = resolve })
        const piece = pieces.shift()
        if (piece === undefined) return
        if (piece instanceof Error) throw piece
        yield piece
      }
    }
  }
  return {
    assistant: () => responder,
    calls,
    call: (index) => calls[index] === undefined
      ? new Promise((resolve) => { waiting.set(index, resolve) })
      : Promise.resolve(calls[index])
  }
}
