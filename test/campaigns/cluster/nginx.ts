// The shipped nginx configuration in front of replicas of a campaign: only ports and folders differ.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Proxy {
  readonly origin: string
  close (): Promise<void>
}

const SHIPPED = new URL('../../../deploy/nginx/nginx.conf', import.meta.url)

export const hasNginx = (): boolean => spawnSync('nginx', ['-v']).status === 0

/** @throws Error when nginx does not take the configuration. */
export const startNginx = async (dir: string, port: number, upstreams: number[]): Promise<Proxy> => {
  const home = join(dir, 'nginx')
  mkdirSync(home, { recursive: true })
  const shipped = readFileSync(SHIPPED, 'utf8')
  const own = shipped
    .replaceAll('/tmp/', `${home}/`)
    .replace(/listen 8080;/, `listen 127.0.0.1:${port};`)
    .replace('/dev/stderr', `${home}/error.log`)
    .replace('/dev/stdout', `${home}/access.log`)
  writeFileSync(join(home, 'nginx.conf'), own)
  writeFileSync(join(home, 'upstreams.conf'), upstreams.map((upstream) => `server 127.0.0.1:${upstream} max_fails=1 fail_timeout=1s;\n`).join(''))
  const globals = `daemon off;${process.getuid?.() === 0 ? ' user root;' : ''}`
  const child = spawn('nginx', ['-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log'), '-g', globals], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  const origin = `http://127.0.0.1:${port}`
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error(`nginx ended, see ${home}/error.log`)
    const answer = await fetch(`${origin}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    if (answer?.ok === true) break
    if (tries > 200) throw new Error(`nginx does not answer, see ${home}/error.log`)
    await sleep(50)
  }
  return {
    origin,
    async close () {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
  }
}
