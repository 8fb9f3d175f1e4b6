// Knows which methods a path answers, from the routes themselves: the difference between a 404 and a 405.
import FindMyWay from 'find-my-way'
import type { FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sorted; empty for a path that nobody registered. */
    methodsOf (path: string): string[]
  }
}

const plugin: FastifyPluginCallback = (app, _options, done) => {
  const methods = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set<string>()
    for (const one of [method].flat()) known.add(one)
    methods.set(url, known)
  })
  // Made with the first request that fits no route: most processes answer many before one comes.
  let router: ReturnType<typeof FindMyWay> | undefined
  app.decorate('methodsOf', (path: string) => {
    if (router === undefined) {
      router = FindMyWay()
      for (const [url, known] of methods) if (!url.includes('*')) router.on('GET', url, () => {}, [...known].sort())
    }
    return router.find('GET', path)?.store as string[] | undefined ?? []
  })
  done()
}

export default fp(plugin, { name: 'route-methods', fastify: '5.x' })
