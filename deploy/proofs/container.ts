// Runs a rehearsed image as a container engine would: process 1 of its own, another user, a tree that may be read-only, a volume.
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { DEVICES, type Image } from './image.ts'

export interface RunOptions {
  /** The folder behind the image's volume. */
  data: string
  readOnly: boolean
  environment: Record<string, string>
  /** Options for Node, before the program. */
  nodeOptions?: readonly string[]
}

export interface Container {
  /** Resolves when it listens. Rejects when it ends before. */
  ready: Promise<void>
  exited: Promise<{ code: number | null, signal: NodeJS.Signals | null }>
  /** All that it wrote to its output. */
  output: () => string
  signal (name: NodeJS.Signals): void
  /** Ends it at once, if it has not ended. */
  kill (): Promise<unknown>
  /** Runs a command inside, as the same user. */
  exec (command: readonly string[]): { code: number | null, stdout: string, stderr: string }
}

const MOUNTS = `set -e
mount --bind "$ROOT" "$ROOT"
mount --bind "$DATA" "$ROOT$VOLUME"
for device in ${DEVICES.join(' ')}; do mount --bind "/dev/$device" "$ROOT/dev/$device"; done
mount -t proc proc "$ROOT/proc"
if [ "$READ_ONLY" = 1 ]; then mount -o remount,bind,ro "$ROOT"; fi
exec unshare --root="$ROOT" --wd="$WORKDIR" --setgid="$GID" --setuid="$USER_ID" -- "$@"`

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export const startContainer = (image: Image, { data, readOnly, environment, nodeOptions = [] }: RunOptions): Container => {
  mkdirSync(data, { recursive: true })
  chownSync(data, image.uid, image.gid)
  const [program, ...words] = image.command
  const child = spawn('unshare', ['--mount', '--pid', '--fork', '--', 'sh', '-c', MOUNTS, 'sh', program!, ...nodeOptions, ...words], {
    env: {
      PATH,
      ...image.environment,
      ...environment,
      ROOT: image.root,
      DATA: data,
      VOLUME: image.volume,
      READ_ONLY: readOnly ? '1' : '0',
      WORKDIR: image.workdir,
      GID: String(image.gid),
      USER_ID: String(image.uid)
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const exited = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }))
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`
      if (line.includes('"msg":"ready: ')) resolve()
    })
    exited.then(({ code }) => { reject(new Error(`it ended with ${code} before it was ready:\n${output}`)) }, reject)
  })
  // Process 1 of the namespace, as this machine numbers it.
  const pid = (): number => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim())
  return {
    ready,
    exited,
    output: () => output,
    signal: (name) => { process.kill(pid(), name) },
    kill () {
      // Process 1 itself: it does not go with unshare, whose --kill-child the change of user undoes.
      if (child.exitCode === null && child.signalCode === null) process.kill(pid(), 'SIGKILL')
      return exited
    },
    exec (command) {
      const inside = ['--target', String(pid()), '--mount', '--pid', '--root', '--wd', `--setgid=${image.gid}`,
        `--setuid=${image.uid}`, '--', ...command]
      const { status, stdout, stderr, error } = spawnSync('nsenter', inside, { env: { PATH, ...image.environment, ...environment }, encoding: 'utf8' })
      return { code: status, stdout, stderr: error?.message ?? stderr }
    }
  }
}
