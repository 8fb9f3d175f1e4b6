// The table of who may do what, as people read it: from docs/access.md and not from the code that is judged by it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Written {
  method: string
  pattern: string
  /** `open` or a role. */
  need: string
  /** Undefined: whatever the scopes are. */
  scope: string | undefined
  /** Roles that fields of the body need. */
  fields: Record<string, string>
}

export const readWritten = (): Written[] => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'access.md'), 'utf8')
  return [...text.matchAll(/^\| `([A-Z]+) (\S+)` \| ([^|]+) \| ([^|]+) \|/gm)].map(([, method, pattern, needs, scope]) => {
    const [need, ...more] = needs!.trim().split('; ')
    const fields = more.map((one) => /^`(\w+)` with `(\w+)` in the body$/.exec(one)!).map(([, role, field]) => [field!, role!] as const)
    return {
      method: method!,
      pattern: pattern!,
      need: need!.replaceAll('`', ''),
      scope: scope!.trim() === '-' ? undefined : scope!.trim().replaceAll('`', ''),
      fields: Object.fromEntries(fields)
    }
  })
}

const ROLES = ['viewer', 'operator', 'approver', 'admin']

export const reaches = (role: string, need: string): boolean => ROLES.indexOf(role) >= ROLES.indexOf(need)
