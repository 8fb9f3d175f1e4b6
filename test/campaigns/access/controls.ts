// Servers that go by another table than the written one: the campaign has to find each of them out.
import { ACCESS, type AccessEntry } from '../../../src/core/access.ts'

export interface Control {
  name: string
  table: Readonly<Record<string, AccessEntry>>
  /** Among what is found. */
  finds: RegExp
}

const changed = (name: string, route: string, entry: Partial<AccessEntry>, finds: RegExp): Control =>
  ({ name, table: { ...ACCESS, [route]: { ...ACCESS[route]!, ...entry } }, finds })

export const CONTROLS: Control[] = [
  changed('a role too low', 'PUT /policies', { need: 'approver' }, /^PUT \/policies, approver, .*400 instead of 403/),
  changed('open', 'GET /brief', { need: 'open' }, /^GET \/brief, none, .*200 instead of 401/),
  changed('any scope', 'GET /proposals', { area: null }, /^GET \/proposals, admin of jobs, .*200 instead of 403/),
  changed('a field without its role', 'PATCH /agents/:name', { fields: {} }, /^PATCH \/agents\/:name, approver, with autonomy: 400 instead of 403/)
]
