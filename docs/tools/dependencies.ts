// Looks at what the lockfile brings in: licences, where it comes from, and who may run a script when it is installed. Part of the lint.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Locked {
  license?: string
  dev?: boolean
  devOptional?: boolean
  integrity?: string
  resolved?: string
  hasInstallScript?: boolean
  link?: boolean
}

export interface Lockfile { packages: Record<string, Locked> }

/** Of what is deployed. They ask for no more than their text. */
const DEPLOYED: ReadonlySet<string> = new Set([
  'MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD', '(AFL-2.1 OR BSD-3-Clause)'
])
/** Also of what only builds and tests use. */
const TOOLS: ReadonlySet<string> = new Set([
  ...DEPLOYED, 'MIT OR Apache-2.0', '(WTFPL OR MIT)', '(MIT OR CC0-1.0)', 'CC0-1.0', 'CC-BY-3.0', 'Python-2.0'
])
/** Looked at by hand: its package says nothing, its repository says MIT. */
const UNSTATED: ReadonlySet<string> = new Set(['node_modules/jsonc-simple-parser'])

/** Sentences about whatever must not be so. `scripts`: packages whose install scripts run, by name; false: known, and not run. */
export const faultsOf = ({ packages }: Lockfile, scripts: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(packages).filter(([path, { link }]) => path !== '' && link !== true).flatMap(([path, locked]) => {
    const { license, dev, devOptional, integrity, hasInstallScript } = locked
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const allowed = dev === true || devOptional === true ? TOOLS : DEPLOYED
    const faults: string[] = []
    if (license === undefined ? !UNSTATED.has(path) : !allowed.has(license)) faults.push(`${path} has the licence ${license ?? 'none'}`)
    if (integrity === undefined) faults.push(`${path} has no hash in the lockfile`)
    if (hasInstallScript === true && scripts[name] === undefined) {
      faults.push(`${path} wants to run a script when it is installed: name it in allowScripts, with true or false`)
    }
    return faults
  })

const main = (): void => {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', name), 'utf8'))
  const { allowScripts = {} } = read('package.json') as { allowScripts?: Record<string, boolean> }
  const faults = faultsOf(read('package-lock.json') as Lockfile, allowScripts)
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
}

if (import.meta.main) main()
