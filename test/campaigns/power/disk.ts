// A disk whose power can be cut: an ext4 file system in a file. What the kernel has not sent to the file when it is copied is gone, as in its memory.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const MEBIBYTES = 256

export interface Disk {
  /** Where it is mounted. */
  readonly dir: string
  /**
   * Stops the process, copies what has reached the disk by now, has the process killed and goes on with the copy: its journal is replayed as
   * after a power cut. `pid` must be the only one that writes.
   */
  cut (pid: number, kill: () => Promise<void>): Promise<void>
  remove (): void
}

/** Why there can be no such disk here; undefined: there can. */
export const withoutDisk = (): string | undefined => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux to mount a file system'
  try {
    createDisk().remove()
    return undefined
  } catch (error) {
    return `a loop device cannot be mounted here: ${error instanceof Error ? error.message.trim() : String(error)}`
  }
}

const command = (name: string, ...args: string[]): void => { execFileSync(name, args, { stdio: ['ignore', 'ignore', 'pipe'] }) }

export const createDisk = (): Disk => {
  const base = mkdtempSync(join(tmpdir(), 'power-'))
  const dir = join(base, 'mounted')
  let image = join(base, 'image-0')
  let cuts = 0
  let mounted = false
  const mount = (): void => {
    // The kernel does not copy it out by itself within a life: what reaches the disk was flushed by somebody.
    command('mount', '-o', 'loop,data=ordered,commit=300', image, dir)
    mounted = true
  }
  const unmount = (): void => {
    if (mounted) command('umount', dir)
    mounted = false
  }
  const remove = (): void => {
    unmount()
    rmSync(base, { recursive: true, force: true })
  }
  try {
    mkdirSync(dir)
    writeFileSync(image, '')
    truncateSync(image, MEBIBYTES * 1024 * 1024)
    command('mkfs.ext4', '-q', '-F', image)
    mount()
  } catch (error) {
    remove()
    throw error
  }
  return {
    dir,
    async cut (pid, kill) {
      const copy = join(base, `image-${++cuts}`)
      await stop(pid)
      command('cp', '--sparse=always', image, copy)
      await kill()
      // This writes out the rest, to the image that nobody looks at any more.
      unmount()
      rmSync(image)
      image = copy
      mount()
    },
    remove
  }
}

/** Resolves when every thread stands still. */
const stop = async (pid: number): Promise<void> => {
  process.kill(pid, 'SIGSTOP')
  const stateOf = (task: string): string | undefined => /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'))?.[1]
  while (readdirSync(`/proc/${pid}/task`).some((task) => stateOf(task) !== 'T')) await sleep(1)
}
