// Checks the rows of a bulk operation against the shapes of its document: connections are rows of their own there.
import { CommerceError } from '../../core/commerce-error.ts'
import type { BulkDocument, BulkNode } from './bulk.ts'
import { FACTS } from './facts.ts'
import { faultOfShape, type Shape } from './shape.ts'

export interface BulkRows {
  /** The object of a row, without its connections. @throws CommerceError `shop_answer_invalid` */
  root<T> (row: BulkNode['node']): T
  /** The objects below it. @throws CommerceError `shop_answer_invalid` */
  children<T> (children: BulkNode['children']): T[]
}

/** Our bulk documents have one connection below the root, or none. */
export const bulkRows = (name: BulkDocument): BulkRows => {
  const [root] = Object.values(FACTS[name].shape as Record<string, Shape>)
  const found: Shape[] = []
  const rootShape = withoutConnections(nodeOf(root as Shape) as Shape, found)
  const check = (shape: Shape | undefined, row: unknown): void => {
    const fault = shape === undefined ? 'a row that nobody asked for' : faultOfShape(shape, row, 'row')
    if (fault !== undefined) throw new CommerceError('shop_answer_invalid', `The file of the bulk operation is not valid: ${fault}`)
  }
  return {
    root<T> (row: BulkNode['node']) {
      check(rootShape, row)
      return row as T
    },
    children<T> (children: BulkNode['children']) {
      const rows = [...children.values()].flat()
      for (const row of rows) check(found[0], row)
      return rows as T[]
    }
  }
}

/** The shape of a connection's nodes; undefined for what is no connection. */
function nodeOf (shape: Shape): Shape | undefined {
  const edges = typeof shape === 'object' && !Array.isArray(shape) ? shape.edges : undefined
  if (!Array.isArray(edges)) return undefined
  const edge = edges[1]
  return typeof edge === 'object' && !Array.isArray(edge) ? edge.node : undefined
}

function withoutConnections (shape: Shape, found: Shape[]): Shape {
  if (typeof shape === 'string') return shape
  if (Array.isArray(shape)) return [shape[0], withoutConnections(shape[1], found)]
  const rest: Record<string, Shape> = {}
  for (const [field, inner] of Object.entries(shape)) {
    const node = nodeOf(inner)
    if (node === undefined) rest[field] = withoutConnections(inner, found)
    else found.push(node)
  }
  return rest
}
