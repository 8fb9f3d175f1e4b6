// Performs the steps of the Dockerfile without a container engine: a folder for each stage, the last one with a Node to run on.
import { chownSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { basename, dirname, join, relative } from 'node:path'
import { environmentOf, ofKeyword, parseDockerfile, type Instruction } from './dockerfile.ts'

export interface Image {
  /** The folder that becomes / of the container. */
  root: string
  environment: Record<string, string>
  workdir: string
  uid: number
  gid: number
  volume: string
  command: readonly string[]
  healthCheck: readonly string[]
}

/** Builds in `into`, from the files of `project` that .dockerignore lets through. `say` hears of each step. @throws Error when one fails. */
export const buildImage = (project: string, into: string, say: (step: string) => void): Image => {
  const stages = parseDockerfile(readFileSync(join(project, 'Dockerfile'), 'utf8'))
  const isIgnored = ignoring(readFileSync(join(project, '.dockerignore'), 'utf8'))
  const folderOf = (stage: string): string => join(into, stage)
  let root = ''
  let workdir = '/'
  for (const { name, instructions } of stages) {
    root = folderOf(name)
    workdir = '/'
    mkdirSync(root, { recursive: true })
    for (const instruction of instructions) {
      const { keyword, words, flags } = instruction
      if (keyword === 'WORKDIR') {
        workdir = words[0]!
        mkdirSync(join(root, workdir), { recursive: true })
      } else if (keyword === 'COPY') {
        const from = flags['from']
        if (from === undefined) copy(instruction, project, root, workdir, (path) => !isIgnored(relative(project, path)))
        else copy(instruction, folderOf(from), root, workdir, () => true)
      } else if (keyword === 'RUN') {
        say(`${name}: ${words[0]}`)
        run(words[0]!, join(root, workdir))
      }
    }
  }
  const last = stages.at(-1)!
  const [uid, gid] = ofKeyword(last, 'USER')[0]!.words[0]!.split(':').map(Number) as [number, number]
  addBase(root)
  return {
    root,
    workdir,
    uid,
    gid,
    environment: environmentOf(last),
    volume: ofKeyword(last, 'VOLUME')[0]!.words[0]!,
    command: ofKeyword(last, 'CMD')[0]!.words,
    healthCheck: ofKeyword(last, 'HEALTHCHECK')[0]!.words
  }
}

/** As Docker: of several patterns that fit a path or a folder above it, the last one decides. */
const ignoring = (text: string): (path: string) => boolean => {
  const patterns = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const glob = line.replace(/^!/, '').split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[^/]*')
    return { lets: line.startsWith('!'), fits: new RegExp(`^${glob}(?:/|$)`) }
  })
  return (path) => path !== '' && patterns.findLast(({ fits }) => fits.test(path))?.lets === false
}

const copy = ({ words, flags }: Instruction, from: string, root: string, workdir: string, filter: (path: string) => boolean): void => {
  const target = words.at(-1)!
  const to = join(root, target.startsWith('/') ? '' : workdir, target)
  for (const source of words.slice(0, -1).map((word) => join(from, word))) {
    if (!filter(source)) throw new Error(`COPY ${source}: .dockerignore leaves it out`)
    const isFolder = statSync(source).isDirectory()
    cpSync(source, !isFolder && target.endsWith('/') ? join(to, basename(source)) : to, { recursive: true, verbatimSymlinks: true, filter })
  }
  const owner = flags['chown']?.split(':').map(Number)
  if (owner !== undefined) for (const path of [to, ...everythingIn(to)]) chownSync(path, owner[0]!, owner[1]!)
}

/** Here and not in a container: what names a place outside of the stage's folder would do it to this machine. */
const run = (command: string, cwd: string): void => {
  if (/(?:^|[\s='"])[/~]/.test(command)) throw new Error(`RUN ${command}: absolute paths cannot be rehearsed`)
  const { NODE_ENV: _own, ...rest } = process.env
  // The network is asked only for what this machine has not got yet.
  const env = { ...rest, PATH: `${dirname(process.execPath)}:${rest['PATH'] ?? ''}`, npm_config_prefer_offline: 'true' }
  const { status, stdout, stderr, error } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`RUN ${command}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`)
}

/** What the rehearsed program needs of its base image: Node, the libraries that it is linked to, and places to mount on. */
const addBase = (root: string): void => {
  const node = process.execPath
  place(node, join(root, 'usr', 'local', 'bin', 'node'))
  const { stdout } = spawnSync('ldd', [node], { encoding: 'utf8' })
  for (const [library] of stdout.matchAll(/\/\S+/g)) place(library, join(root, library))
  for (const folder of ['proc', 'dev', 'tmp', 'etc']) mkdirSync(join(root, folder), { recursive: true })
  for (const device of DEVICES) writeFileSync(join(root, 'dev', device), '')
  for (const file of ['hosts', 'resolv.conf', 'nsswitch.conf']) if (existsSync(`/etc/${file}`)) place(`/etc/${file}`, join(root, 'etc', file))
}

export const DEVICES = ['null', 'zero', 'random', 'urandom']

const place = (from: string, to: string): void => {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** All paths below a folder, links not followed. */
export const everythingIn = (folder: string): string[] => lstatSync(folder).isDirectory()
  ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path))
  : []
