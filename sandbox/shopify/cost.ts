// What a query costs, and the leaky bucket that pays for it.
//
// Shopify's published rules: an object is a point, scalars are free, a mutation is ten, a connection is sized by `first` or `last`. How it is sized
// is not published: answers of the real API grow with about twice the natural logarithm of the size (250 variants with an object each: 24 points).
import {
  getArgumentValues, getNamedType, isAbstractType, isInterfaceType, isLeafType, isListType, isNonNullType, isObjectType, Kind,
  type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLNamedType, type GraphQLOutputType, type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode, type VariableValues
} from 'graphql'

export interface ThrottleStatus {
  maximumAvailable: number
  currentlyAvailable: number
  restoreRate: number
}

export interface Bucket {
  status (): ThrottleStatus
  /** Takes the points if they are there. */
  take (points: number): boolean
  giveBack (points: number): void
  /** Sets what is left, for tests. */
  set (points: number): void
}

/** `restoreRate` points a second; time by `now`, milliseconds. */
export const createBucket = ({ maximum, restoreRate, now }: { maximum: number, restoreRate: number, now: () => number }): Bucket => {
  let points = maximum
  let at = now()
  const refill = (): void => {
    const time = now()
    points = Math.min(maximum, points + Math.max(0, time - at) / 1_000 * restoreRate)
    at = time
  }
  return {
    status () {
      refill()
      return { maximumAvailable: maximum, currentlyAvailable: Math.floor(points), restoreRate }
    },
    take (wanted) {
      refill()
      if (wanted > points) return false
      points -= wanted
      return true
    },
    giveBack (unused) {
      refill()
      points = Math.min(maximum, points + unused)
    },
    set (left) {
      refill()
      points = Math.min(maximum, left)
    }
  }
}

const MUTATION = 10
const CONNECTION = 2

const sized = (count: number): number => count <= 1 ? count : Math.max(1, Math.floor(2 * Math.log(count)))

interface Walk {
  schema: GraphQLSchema
  fragments: Map<string, FragmentDefinitionNode>
  variables: VariableValues
}

// Stands for data that is not there yet: the worst case counts.
const WORST = Symbol('worst case')

/** Points of an operation: before it runs, or with its `data`, after it. */
export const costOf = (
  schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues, data?: unknown
): number => {
  const fragments = new Map(document.definitions.flatMap((each) => each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each] as const] : []))
  const root = operation.operation === 'mutation' ? schema.getMutationType() : schema.getQueryType()
  if (root == null) return 0
  if (operation.operation === 'mutation') return MUTATION * operation.selectionSet.selections.length
  return Math.ceil(costOfSelection({ schema, fragments, variables }, operation.selectionSet, root, data === undefined ? WORST : data))
}

const costOfSelection = (walk: Walk, { selections }: SelectionSetNode, type: GraphQLNamedType, data: unknown): number => {
  let sum = 0
  // Of fragments on different types only one can apply: the dearest, until it is known which.
  let dearest = 0
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      sum += costOfField(walk, selection, type, data)
      continue
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : walk.fragments.get(selection.name.value)
    if (fragment === undefined) continue
    const name = fragment.typeCondition?.name.value
    const inner = name === undefined ? type : walk.schema.getType(name)
    if (inner === undefined) continue
    const own = costOfSelection(walk, fragment.selectionSet, inner, data)
    if (isAbstractType(type)) dearest = Math.max(dearest, own)
    else sum += own
  }
  return sum + dearest
}

const costOfField = (walk: Walk, node: FieldNode, parent: GraphQLNamedType, data: unknown): number => {
  if (!isObjectType(parent) && !isInterfaceType(parent)) return 0
  const field = parent.getFields()[node.name.value]
  if (field === undefined || node.selectionSet === undefined) return 0
  const type = getNamedType(field.type)
  if (isLeafType(type)) return 0
  const value = data === WORST ? WORST : valueAt(data, node.alias?.value ?? node.name.value)
  if (value === null || value === undefined) return 0
  const size = (): number => {
    const { first, last, ids } = getArgumentValues(field, node, walk.variables) as { first?: number, last?: number, ids?: unknown[] }
    return first ?? last ?? ids?.length ?? 1
  }
  if (type.name.endsWith('Connection')) return CONNECTION + costOfConnection(walk, node, type, value, size)
  if (isListOf(field.type)) {
    if (value === WORST) return size() * (1 + costOfSelection(walk, node.selectionSet, type, WORST))
    const selection = node.selectionSet
    return (value as unknown[]).reduce<number>((sum, each) => each === null ? sum : sum + 1 + costOfSelection(walk, selection, type, each), 0)
  }
  return 1 + costOfSelection(walk, node.selectionSet, type, value)
}

/** Its nodes, by `nodes` or `edges { node }`; page information is free. */
const costOfConnection = (walk: Walk, node: FieldNode, type: GraphQLNamedType, value: unknown, size: () => number): number => {
  let cost = 0
  const costOfNodes = (selection: SelectionSetNode, nodeType: GraphQLNamedType, items: unknown): void => {
    if (items === WORST) {
      cost += sized(size()) * (1 + costOfSelection(walk, selection, nodeType, WORST))
      return
    }
    const list = items as unknown[]
    if (list.length === 0) return
    const sum = list.reduce<number>((total, each) => total + 1 + costOfSelection(walk, selection, nodeType, each), 0)
    cost += sized(list.length) * sum / list.length
  }
  for (const selection of node.selectionSet?.selections ?? []) {
    if (selection.kind !== Kind.FIELD || selection.selectionSet === undefined || !isObjectType(type)) continue
    const field = type.getFields()[selection.name.value]
    if (field === undefined) continue
    const inner = getNamedType(field.type)
    const items = value === WORST ? WORST : valueAt(value, selection.alias?.value ?? selection.name.value)
    if (selection.name.value === 'nodes') costOfNodes(selection.selectionSet, inner, items)
    if (selection.name.value !== 'edges' || !isObjectType(inner)) continue
    for (const below of selection.selectionSet.selections) {
      const nodeField = below.kind === Kind.FIELD && below.name.value === 'node' ? inner.getFields()['node'] : undefined
      if (below.kind !== Kind.FIELD || nodeField === undefined || below.selectionSet === undefined) continue
      const key = below.alias?.value ?? 'node'
      costOfNodes(below.selectionSet, getNamedType(nodeField.type), items === WORST ? WORST : (items as unknown[]).map((edge) => valueAt(edge, key)))
    }
  }
  return cost
}

const isListOf = (type: GraphQLOutputType): boolean => isListType(isNonNullType(type) ? type.ofType : type)

const valueAt = (data: unknown, key: string): unknown => (data as Record<string, unknown>)[key]
