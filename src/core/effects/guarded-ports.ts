// What an agent writes beside the shop (rows of the warehouse, issues of the repository) stops with the kill switch too.
import { frozenReason, ParkedError } from '../parked.ts'
import type { AgentPorts } from '../ports.ts'
import type { Freeze } from './freeze.ts'

/** `standing`: the freeze that holds this agent now. Writes then reject with ParkedError; reading goes on. */
export const guardedPorts = (ports: AgentPorts, standing: () => Promise<Freeze | undefined>): AgentPorts => {
  const unlessFrozen = async <T>(write: () => Promise<T>): Promise<T> => {
    const freeze = await standing()
    if (freeze !== undefined) throw new ParkedError(frozenReason(freeze.id))
    return await write()
  }
  const { warehouse, repository } = ports
  return {
    ...ports,
    ...(warehouse === undefined
      ? {}
      : {
          warehouse: {
            name: warehouse.name,
            source: warehouse.source,
            dataset: (options) => warehouse.dataset(options),
            table: (options) => warehouse.table(options),
            query: (query, options) => warehouse.query(query, options),
            dryRun: (query, options) => warehouse.dryRun(query, options),
            createTable: (table, options) => unlessFrozen(() => warehouse.createTable(table, options)),
            insert: (rows, options) => unlessFrozen(() => warehouse.insert(rows, options)),
            merge: (rows, options) => unlessFrozen(() => warehouse.merge(rows, options))
          }
        }),
    ...(repository === undefined
      ? {}
      : {
          repository: {
            name: repository.name,
            source: repository.source,
            status: (options) => repository.status(options),
            pullRequests: (options) => repository.pullRequests(options),
            pullRequest: (number, options) => repository.pullRequest(number, options),
            issues: (options) => repository.issues(options),
            checks: (options) => repository.checks(options),
            rateLimit: (options) => repository.rateLimit(options),
            openIssue: (issue, options) => unlessFrozen(() => repository.openIssue(issue, options))
          }
        })
  }
}
