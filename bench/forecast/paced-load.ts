// Requests at a fixed pace, on a few connections in turns: what a probe or a person feels while the machine has other work, not how much it can take.
import { connect, type Socket } from 'node:net'
import { get } from '../load.ts'

export interface PacedLoad {
  port: number
  path: string
  perSecond: number
  milliseconds: number
}

const CONNECTIONS = 8

/** Milliseconds of each request, from when it was due to its whole answer. @throws Error when an answer is not 200 */
export const pacedLoad = async ({ port, path, perSecond, milliseconds }: PacedLoad): Promise<number[]> => {
  const idle: Socket[] = []
  const due: number[] = []
  const took: number[] = []
  const request = get(path)
  let failed: Error | undefined
  const serve = (): void => {
    while (idle.length > 0 && due.length > 0) {
      const socket = idle.pop()!
      const since = due.shift()!
      let text = ''
      const take = (chunk: string): void => {
        text += chunk
        const head = text.indexOf('\r\n\r\n')
        const length = /\r\ncontent-length: (\d+)/i.exec(text)
        if (head < 0 || length === null || text.length < head + 4 + Number(length[1])) return
        if (!text.startsWith('HTTP/1.1 200')) failed = new Error(text.slice(0, 300))
        took.push(performance.now() - since)
        socket.off('data', take)
        idle.push(socket)
        serve()
      }
      socket.on('data', take)
      socket.write(request)
    }
  }
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => new Promise<Socket>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => { resolve(socket) })
    socket.setEncoding('latin1')
    socket.on('error', reject)
  })))
  idle.push(...sockets)
  const begun = performance.now()
  let sent = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now()
      for (; sent < Math.min(now - begun, milliseconds) * perSecond / 1_000; sent++) due.push(begun + sent * 1_000 / perSecond)
      serve()
      if (now - begun < milliseconds || due.length > 0 || idle.length < CONNECTIONS) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  for (const socket of sockets) socket.destroy()
  if (failed !== undefined) throw failed
  return took
}
