// What the assistant can look up at GitHub and in BigQuery.
import { Type } from '@sinclair/typebox'
import type { BreakerRegistry } from '../../core/breaker-registry.ts'
import { AppError } from '../../core/errors.ts'
import type { Repository } from '../../core/repository.ts'
import { WarehouseError, type TableStatus, type Warehouse } from '../../core/warehouse.ts'
import { tool } from './tool.ts'
import { guarded, type UpstreamName } from './upstream-faults.ts'

const SHOWN = 10

export interface UpstreamToolOptions {
  repository: Repository | undefined
  warehouse: Warehouse | undefined
  /** What connects it: a sentence for people. */
  unconnected: (name: UpstreamName) => string
  breakers: BreakerRegistry
}

const iso = (ms: number): string => new Date(ms).toISOString()

export const createUpstreamTools = ({ repository, warehouse, unconnected, breakers }: UpstreamToolOptions) => {
  const missing = (name: UpstreamName): AppError => new AppError('dependency_unavailable', { message: unconnected(name) })

  /** A part that failed is told apart from one that is empty. */
  const part = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<{ found: T, fault: null } | { found: null, fault: string }> => {
    try {
      return { found: await guarded('github_api', breakers, signal, work), fault: null }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { found: null, fault: error.message }
    }
  }

  return {
    github_status: tool({
      name: 'github_status',
      description: 'The state of the GitHub repository: open pull requests and issues (the latest changed first) and the checks of its default branch. ' +
        'A part that could not be read is null, with its fault.',
      input: Type.Object({}),
      async run (_input, { signal }) {
        if (repository === undefined) throw missing('github_api')
        const status = await guarded('github_api', breakers, signal, () => repository.status({ signal }))
        const [pulls, issues, checks] = await Promise.all([
          part(signal, () => repository.pullRequests({ signal, limit: SHOWN })),
          part(signal, () => repository.issues({ signal, limit: SHOWN })),
          part(signal, () => repository.checks({ signal }))
        ])
        return {
          source: repository.source,
          read_at: iso(status.read_at),
          repository: status.full_name,
          url: status.url,
          default_branch: status.default_branch,
          archived: status.archived,
          pushed_at: status.pushed_at === null ? null : iso(status.pushed_at),
          open_pull_requests: status.open_pull_requests,
          open_issues: status.open_issues,
          pull_requests: pulls.found?.items.map(({ number, title, author, draft, updated_at: at, review_requested_from: reviewers }) =>
            ({ number, title, author, draft, updated_at: iso(at), review_requested_from: reviewers })) ?? null,
          pull_requests_fault: pulls.fault,
          issues: issues.found?.items.map(({ number, title, author, labels, updated_at: at }) =>
            ({ number, title, author, labels, updated_at: iso(at) })) ?? null,
          issues_fault: issues.fault,
          checks: checks.found === null
            ? null
            : {
                state: checks.found.state,
                total: checks.found.checks.length,
                failing: checks.found.checks.filter(({ state }) => state === 'failing').map(({ name }) => name),
                pending: checks.found.checks.filter(({ state }) => state === 'pending').map(({ name }) => name)
              },
          checks_fault: checks.fault
        }
      }
    }),

    bigquery_status: tool({
      name: 'bigquery_status',
      description: 'Whether the BigQuery dataset can be reached, and the table in it: where it lies, how many rows and bytes it has. `table` is null, with ' +
        'a reason, when there is none to be seen.',
      input: Type.Object({}),
      async run (_input, { signal }) {
        if (warehouse === undefined) throw missing('bigquery')
        return guarded('bigquery', breakers, signal, async () => {
          const dataset = await warehouse.dataset({ signal })
          const { table, reason } = await tableOf(warehouse, signal)
          return {
            source: warehouse.source,
            read_at: iso(dataset.read_at),
            dataset: dataset.dataset,
            location: dataset.location,
            table: table === undefined ? null : { name: table.table, rows: table.rows, bytes: table.bytes, columns: table.columns.length },
            table_reason: reason
          }
        })
      }
    })
  }
}

/** The configured table; a dataset can be well without one. */
const tableOf = async (warehouse: Warehouse, signal: AbortSignal): Promise<{ table: TableStatus | undefined, reason: string | null }> => {
  try {
    const table = await warehouse.table({ signal })
    return { table, reason: table === undefined ? 'The dataset has no table of the configured name yet.' : null }
  } catch (error) {
    if (!(error instanceof WarehouseError)) throw error
    return { table: undefined, reason: error.message }
  }
}
