// Bulk operations: one question for everything, answered with a file of JSON lines that is read as a stream.
import type { Clock } from '../../core/clock.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import type { Logger } from '../../core/log.ts'
import { pause } from '../../core/pause.ts'
import type { HttpClient } from '../http/index.ts'
import { documents, type BULK_DOCUMENTS } from './documents/index.ts'
import { problemsOf } from './errors.ts'
import type { Call, ShopGraphQL } from './graphql.ts'
import { httpFault } from './http-faults.ts'
import { faultOfShape, type Shape } from './shape.ts'

export type BulkDocument = typeof BULK_DOCUMENTS[number]

/** A node of the root connection with those below it, by their `__typename`. */
export interface BulkNode {
  node: Record<string, unknown>
  children: Map<string, Array<Record<string, unknown>>>
}

export interface BulkRunner {
  /**
   * Runs the operation to its end and yields its objects in the order of the file. What is left unread is not fetched; the signal cancels it at the shop.
   * @throws CommerceError `shop_bulk_failed` when it failed, expired, was cancelled or its file is short; `shop_busy` when too many run already.
   */
  run (name: BulkDocument, search: string, call: Call): AsyncGenerator<BulkNode>
}

export interface BulkOptions {
  graphql: ShopGraphQL
  http: Pick<HttpClient, 'lines'>
  clock: Clock
  log: Logger
}

/** A shop with a million orders stays below; half an hour is for a reader that is slow itself. */
const FILE_LIMITS = { deadlineMs: 30 * 60_000, idleMs: 60_000, maxBytes: 2 ** 31 }
// Asking costs a point: an end is noticed within a third of the time that it took.
const FIRST_POLL_MS = 500
const POLL_GROWTH = 1.3
const LONGEST_POLL_MS = 10_000
/** A row of the file is one object: an order with the longest note is far below. */
const ROW_SHAPE: Shape = { __typename: 'String', id: 'ID' }

export const createBulkRunner = ({ graphql, http, clock, log }: BulkOptions): BulkRunner => {
  const poll = async (id: string, call: Call) => {
    for (let waitMs = FIRST_POLL_MS; ; waitMs = Math.min(waitMs * POLL_GROWTH, LONGEST_POLL_MS)) {
      await pause(clock, waitMs, call.signal)
      const { data: { bulkOperation: operation } } = await graphql.execute('BulkOperation', { id }, call)
      if (operation === null) throw failed('is not known to the shop any more')
      switch (operation.status) {
        case 'CREATED':
        case 'RUNNING':
        case 'CANCELING':
          continue
        case 'COMPLETED':
          return operation
        default:
          // A part of the objects looks like all of them: the partial file is of no use to anybody who adds up.
          throw failed(`ended as ${operation.status}${operation.errorCode === null ? '' : ` (${operation.errorCode})`}`)
      }
    }
  }

  const cancel = (id: string, call: Call): void => {
    const signal = AbortSignal.timeout(CANCEL_MS)
    graphql.execute('CancelBulkOperation', { id }, { ...call, signal, idempotent: true })
      .catch((error: unknown) => log.warn({ err: error, bulk_operation: id }, 'A bulk operation that nobody waits for could not be cancelled.'))
  }

  return {
    async * run (name, search, call) {
      const { data: { bulkOperationRunQuery: started } } = await graphql.execute('RunBulkQuery', { query: bulkText(name, search) }, call)
      const problems = problemsOf(started?.userErrors ?? [])
      const busy = problems.find(({ code }) => code === 'OPERATION_IN_PROGRESS' || code === 'LIMIT_REACHED')
      if (busy !== undefined) throw new CommerceError('shop_busy', 'The shop runs as many bulk operations as it can.', { problems, retryAfterMs: 60_000 })
      const id = started?.bulkOperation?.id
      if (problems.length > 0 || id === undefined) throw new CommerceError('shop_user_errors', 'The shop refused the bulk operation.', { problems })

      let operation: Awaited<ReturnType<typeof poll>>
      try {
        operation = await poll(id, call)
      } catch (error) {
        if (call.signal.aborted) cancel(id, call)
        throw error
      }
      const expected = Number(operation.objectCount)
      // No file at all is how Shopify says that nothing was found.
      if (operation.url === null) {
        if (expected === 0) return
        throw failed('ended without a file')
      }
      const count = { lines: 0 }
      yield * regroup(counted(http.lines(operation.url, { ...FILE_LIMITS, signal: call.signal }), count))
      if (count.lines !== expected) throw failed(`promised ${expected} objects, its file holds ${count.lines}`)
    }
  }
}

const CANCEL_MS = 10_000

/** The document with its filter written in: a bulk operation takes no variables. */
export const bulkText = (name: BulkDocument, search: string): string => documents[name].trim()
  .replace(/^query \w+\(\$query: String!\)/, '')
  // A function: in a text the replacement's own signs ($&) would be read.
  .replace('$query', () => JSON.stringify(search))
  .trim()

async function * counted (lines: AsyncIterable<string>, count: { lines: number }): AsyncGenerator<Record<string, unknown>> {
  try {
    for await (const line of lines) {
      if (line === '') continue
      count.lines += 1
      yield rowOf(line, count.lines)
    }
  } catch (error) {
    throw httpFault(error)
  }
}

function rowOf (line: string, number: number): Record<string, unknown> {
  let row: unknown
  try {
    row = JSON.parse(line)
  } catch {
    // Without its cause: the parser's message quotes the row, which is a customer's.
    throw new CommerceError('shop_answer_invalid', `Line ${number} of the file is not JSON.`)
  }
  const fault = faultOfShape(ROW_SHAPE, row, `line ${number}`)
  if (fault !== undefined) throw new CommerceError('shop_answer_invalid', `The file is not valid: ${fault}`)
  return row as Record<string, unknown>
}

/**
 * Puts what has a `__parentId` below its parent. The file has children after their parent and before the next one, so one object is kept at a time;
 * a child of somebody else means that this does not hold, and nothing that was read can be trusted.
 */
async function * regroup (rows: AsyncIterable<Record<string, unknown>>): AsyncGenerator<BulkNode> {
  let current: BulkNode | undefined
  for await (const { __parentId: parentId, ...row } of rows) {
    if (parentId === undefined) {
      if (current !== undefined) yield current
      current = { node: row, children: new Map() }
      continue
    }
    if (current === undefined || !isParent(current.node, parentId)) {
      throw new CommerceError('shop_answer_invalid', `The file has a ${String(row.__typename)} that does not follow its parent.`)
    }
    const kind = String(row.__typename)
    const siblings = current.children.get(kind)
    if (siblings === undefined) current.children.set(kind, [row])
    else siblings.push(row)
  }
  if (current !== undefined) yield current
}

/** The parent is the object with the connection, which may be a plain field of the node: the inventory item of a variant. */
const isParent = (node: Record<string, unknown>, id: unknown): boolean =>
  node.id === id || Object.values(node).some((value) => typeof value === 'object' && value !== null && (value as { id?: unknown }).id === id)

const failed = (how: string): CommerceError => new CommerceError('shop_bulk_failed', `The bulk operation ${how}.`)
