// Bulk operations: a query without pages, written to a file of JSON lines in the background and fetched from there.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import {
  execute, getNamedType, isObjectType, Kind, parse, TypeInfo, validate, visit, visitWithTypeInfo,
  type DocumentNode, type FieldNode, type GraphQLSchema
} from 'graphql'
import type { BulkOperation, BulkOperations, Context } from './context.ts'

/** Since 2026-01 an app may run five at a time in a shop. */
const AT_ONCE = 5
/** Objects of the outermost list between two breaths: other requests go on meanwhile. */
const WINDOW = 100
const FIRST_ID = 5_600_000_000_000

export const createBulkOperations = (schema: GraphQLSchema): BulkOperations => {
  const operations = new Map<number, BulkOperation>()
  let folder: string | undefined

  const run = async (operation: BulkOperation, document: DocumentNode, context: Context): Promise<void> => {
    let file: FileHandle | undefined
    try {
      operation.status = 'RUNNING'
      file = await open(operation.file, 'w')
      const window: NonNullable<Context['window']> = { from: 0, size: WINDOW, ended: false }
      while (!window.ended && isRunning(operation)) {
        const { data, errors } = await execute({ schema, document, contextValue: { ...context, window } })
        if (errors !== undefined) {
          operation.errorCode = errors.some(({ extensions }) => extensions['code'] === 'ACCESS_DENIED') ? 'ACCESS_DENIED' : 'INTERNAL_SERVER_ERROR'
          operation.status = 'FAILED'
          return
        }
        const lines: string[] = []
        for (const value of Object.values(data ?? {})) {
          for (const node of nodesOf(value) ?? []) {
            operation.rootObjectCount++
            flatten(node, undefined, lines)
          }
        }
        operation.objectCount += lines.length
        const text = lines.map((line) => `${line}\n`).join('')
        operation.fileSize += Buffer.byteLength(text)
        await file.writeFile(text)
        window.from += WINDOW
        await turn()
      }
      operation.status = isRunning(operation) ? 'COMPLETED' : 'CANCELED'
    } catch {
      // The folder was removed under it, or the disk is full: that ends the operation, not the sandbox.
      operation.errorCode = 'INTERNAL_SERVER_ERROR'
      operation.status = 'FAILED'
    } finally {
      await file?.close()
    }
  }

  return {
    start (query, context) {
      const document = readQuery(schema, query)
      if (typeof document === 'string') return document
      const running = [...operations.values()].filter(isRunning).length
      if (running >= AT_ONCE) return { code: 'LIMIT_REACHED', message: `The limit of ${AT_ONCE} concurrent bulk query operations has been reached.` }
      folder ??= mkdtempSync(join(tmpdir(), 'sandbox-bulk-'))
      const id = FIRST_ID + operations.size + 1
      const secret = randomBytes(16).toString('hex')
      const operation: BulkOperation = {
        id,
        status: 'CREATED',
        errorCode: null,
        objectCount: 0,
        rootObjectCount: 0,
        fileSize: 0,
        path: `/bulk/${id}-${secret}.jsonl`,
        file: join(folder, `${id}.jsonl`)
      }
      operations.set(id, operation)
      // The rights of whoever asked, as of now.
      setImmediate(() => { run(operation, document, { ...context, searches: [] }).catch(() => {}) })
      return operation
    },
    get: (id) => operations.get(id),
    cancel (id) {
      const operation = operations.get(id)
      if (operation === undefined) return undefined
      if (!isRunning(operation)) {
        const message = `A bulk operation cannot be canceled when it is ${operation.status.toLowerCase()}`
        return { bulkOperation: operation, userErrors: [{ field: null, message }] }
      }
      operation.status = 'CANCELING'
      return { bulkOperation: operation, userErrors: [] }
    },
    byPath: (path) => [...operations.values()].find((operation) => operation.path === path && operation.status === 'COMPLETED'),
    close () {
      for (const operation of operations.values()) if (isRunning(operation)) operation.status = 'CANCELING'
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    }
  }
}

const isRunning = ({ status }: BulkOperation): boolean => status === 'CREATED' || status === 'RUNNING'

/** The document, or what Shopify would say about it. */
const readQuery = (schema: GraphQLSchema, query: string): DocumentNode | string => {
  let document: DocumentNode
  try {
    document = parse(query)
  } catch (error) {
    return `Invalid bulk query: ${(error as Error).message}`
  }
  const errors = validate(schema, document)
  if (errors[0] !== undefined) return `Invalid bulk query: ${errors[0].message}`
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION)
  if (operation?.kind !== Kind.OPERATION_DEFINITION || operation.operation !== 'query') return 'Invalid bulk query: it has to be a query'
  if ((operation.variableDefinitions?.length ?? 0) > 0) return 'Invalid bulk query: variables are not supported'

  let fault: string | undefined
  let connections = 0
  let depth = 0
  let lists = 0
  let parentHasId = false
  const info = new TypeInfo(schema)
  visit(document, visitWithTypeInfo(info, {
    Field: {
      enter (node) {
        const type = info.getType()
        if (type == null) return
        if (isConnection(type)) {
          connections++
          depth++
          if (depth > 2) fault ??= 'Bulk queries cannot contain connections with a nesting depth greater than 2.'
          if (lists > 0) fault ??= 'Queries that contain a connection field within a list field are not currently supported.'
          if (depth > 1 && !parentHasId) fault ??= "The parent 'node' field for a nested connection must select the 'id' field."
        } else if (isList(String(type)) && node.name.value !== 'edges' && node.name.value !== 'nodes') lists++
        if (node.name.value === 'node') parentHasId = selectsId(node)
      },
      leave (node) {
        const type = info.getType()
        if (type == null) return
        if (isConnection(type)) depth--
        else if (isList(String(type)) && node.name.value !== 'edges' && node.name.value !== 'nodes') lists--
      }
    }
  }))
  if (connections === 0) return 'Bulk queries must contain at least one connection.'
  if (connections > 5) return 'Bulk queries cannot contain more than 5 connections.'
  return fault ?? document
}

const selectsId = (node: FieldNode): boolean =>
  node.selectionSet?.selections.some((each) => each.kind === Kind.FIELD && each.name.value === 'id') ?? false

const isConnection = (type: Parameters<typeof getNamedType>[0]): boolean => {
  const named = getNamedType(type)
  return isObjectType(named) && named.name.endsWith('Connection')
}

const isList = (type: string): boolean => type.startsWith('[')

/** The nodes of a connection in an answer; undefined: it is none. */
const nodesOf = (value: unknown): Array<Record<string, unknown>> | undefined => {
  const { edges, nodes } = (value ?? {}) as { edges?: Array<{ node: Record<string, unknown> }>, nodes?: Array<Record<string, unknown>> }
  if (Array.isArray(edges)) return edges.map(({ node }) => node)
  return Array.isArray(nodes) ? nodes : undefined
}

/** A line for the object, and behind it one for each object in its connections, however deep they hang in it. */
const flatten = (node: Record<string, unknown>, parent: string | undefined, lines: string[]): void => {
  const children: Array<Record<string, unknown>> = []
  const without = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(without)
    if (typeof value !== 'object' || value === null) return value
    const rest: Record<string, unknown> = {}
    for (const [key, inner] of Object.entries(value)) {
      const below = nodesOf(inner)
      if (below === undefined) rest[key] = without(inner)
      else children.push(...below)
    }
    return rest
  }
  const own = without(node) as Record<string, unknown>
  lines.push(JSON.stringify(parent === undefined ? own : { ...own, __parentId: parent }))
  for (const child of children) flatten(child, node['id'] as string, lines)
}
