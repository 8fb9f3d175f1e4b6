// A wire between a program and its server that can be held or cut.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Nothing passes any more, new connections are taken and left alone: the other side seems to have stopped. */
  hold (): void
  /** All connections break, new ones are refused. */
  cut (): void
  /** Lets everything through again. What was held passes now. */
  release (): void
  close (): Promise<void>
}

export const startTcpProxy = async (target: { host: string, port: number }): Promise<TcpProxy> => {
  const pairs = new Set<{ client: Socket, server: Socket | undefined }>()
  let state: 'open' | 'held' | 'cut' = 'open'
  const listener = createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const pair: { client: Socket, server: Socket | undefined } = { client, server: undefined }
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      pair.server?.destroy()
    }
    client.on('error', end).on('close', end)
    if (state === 'held') client.pause()
    else join(pair, end)
  })
  const join = (pair: { client: Socket, server: Socket | undefined }, end: () => void): void => {
    const server = connect(target.port, target.host)
    pair.server = server
    server.on('error', end).on('close', end)
    pair.client.pipe(server)
    server.pipe(pair.client)
  }
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const destroyAll = (): void => { for (const { client, server } of pairs) { client.destroy(); server?.destroy() } }
  return {
    port: (listener.address() as AddressInfo).port,
    hold () {
      state = 'held'
      for (const { client, server } of pairs) {
        client.unpipe()
        client.pause()
        server?.unpipe()
        server?.pause()
      }
    },
    cut () {
      state = 'cut'
      destroyAll()
    },
    release () {
      state = 'open'
      for (const pair of pairs) {
        const end = (): void => { pair.client.destroy(); pair.server?.destroy() }
        if (pair.server === undefined) join(pair, end)
        else {
          pair.client.pipe(pair.server)
          pair.server.pipe(pair.client)
        }
      }
    },
    async close () {
      destroyAll()
      listener.close()
      await once(listener, 'close')
    }
  }
}
