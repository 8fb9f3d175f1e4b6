// What stands beside a backup: what it is of, and by what a damage shows.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Digest } from './digest.ts'
import { TransferError } from './side.ts'

export interface Manifest {
  engine: 'sqlite' | 'postgres'
  /** ISO 8601. */
  made_at: string
  /** The newest migration in it. */
  migration: string
  /** Of PostgreSQL: a dump goes back into a schema of this name. */
  schema?: string
  bytes: number
  sha256: string
  tables: number
  rows: number
  /** See Digest. */
  rows_sha256: string
}

/** It stands beside the file. */
export const manifestPath = (file: string): string => `${file}.json`

/** What was not finished never has the name of a backup. */
export const partOf = (file: string): string => `${file}.part`

/** Gives the finished part its name, with its manifest beside it; both are on the disk afterwards. */
export const seal = async (
  file: string, about: Pick<Manifest, 'engine' | 'migration' | 'schema' | 'made_at'>, { tables, rows, hash }: Digest
): Promise<Manifest> => {
  const part = partOf(file)
  const manifest: Manifest = {
    ...about, bytes: statSync(part).size, sha256: await sha256OfFile(part), tables: tables.length, rows, rows_sha256: hash
  }
  await flush(part)
  const written = partOf(manifestPath(file))
  const handle = await open(written, 'w')
  try {
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(written, manifestPath(file))
  await rename(part, file)
  await flush(dirname(file))
  return manifest
}

/**
 * The manifest of a backup whose bytes are what they were; undefined when it has none.
 * @throws TransferError when there is no such file, it is of the other engine, or it is damaged.
 */
export const readManifest = async (file: string, engine: Manifest['engine']): Promise<Manifest | undefined> => {
  if (!existsSync(file)) throw new TransferError(`There is no backup at ${file}.`)
  if (!existsSync(manifestPath(file))) return undefined
  let manifest: Manifest
  try {
    manifest = JSON.parse(await readFile(manifestPath(file), 'utf8')) as Manifest
  } catch (error) {
    throw new TransferError(`${manifestPath(file)} cannot be read as JSON.`, error)
  }
  if (manifest.engine !== engine) {
    throw new TransferError(`${file} is a backup of ${manifest.engine}, and the store is ${engine}: restore it there, then \`npm run migrate-store\`.`)
  }
  const sha256 = await sha256OfFile(file)
  if (sha256 !== manifest.sha256) throw new TransferError(`${file} is damaged: its SHA-256 is ${sha256}, and was ${manifest.sha256} when it was made.`)
  return manifest
}

const sha256OfFile = async (file: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** A file or a folder. */
export const flush = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
