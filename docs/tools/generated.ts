// Generated files: written, or compared with what lies there.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Path below the root of the project, and text. */
export interface Generated {
  path: string
  text: string
}

/** The paths of files below `root` that differ from what was generated, or are missing. */
export const staleOf = (root: string, files: Generated[]): string[] => files.filter(({ path, text }) => read(join(root, path)) !== text).map(({ path }) => path)

/** Writes them; with --check says which are stale, and sets the exit code to 1. `tool`: how they are made. */
export const writeOrCheck = (files: Generated[], tool: string): void => {
  const root = join(import.meta.dirname, '..', '..')
  if (!process.argv.includes('--check')) {
    for (const { path, text } of files) writeFileSync(join(root, path), text)
    return
  }
  const stale = staleOf(root, files)
  for (const path of stale) console.error(`${path} is stale: run "${tool}".`)
  if (stale.length > 0) process.exitCode = 1
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
