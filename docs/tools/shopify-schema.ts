// Extracts from the introspection of Shopify's Admin API what our documents need: the types, fields, arguments, inputs and enums, and the
// access scopes that Shopify asks for them. `node docs/tools/shopify-schema.ts <introspection.json or .json.gz>` writes both files.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  buildClientSchema, getNamedType, Kind, parse, print, printSchema, TypeInfo, visit, visitWithTypeInfo,
  type DefinitionNode, type FieldDefinitionNode, type IntrospectionQuery, type TypeNode
} from 'graphql'
import { documents } from '../../src/integrations/shopify/documents/index.ts'
import { API_VERSION } from '../../src/integrations/shopify/version.ts'

export const SCHEMA_PATH = `src/integrations/shopify/schema/admin-${API_VERSION}.graphql`
export const ACCESS_PATH = `src/integrations/shopify/schema/access-${API_VERSION}.json`

interface Source {
  data: IntrospectionQuery
  offline_scopes: { items: Array<{ type: 'type' | 'field', typeName: string, fieldName?: string, offlineScopes: string[] }> }
}

/** The fields that are used, by type; a type without fields of its own (scalar, enum, union, input) has an empty set. */
type Used = Map<string, Set<string>>

/** Text of both files. @throws Error when a document names what the schema does not have. */
export const extract = (path: string): { schema: string, access: string } => {
  const bytes = readFileSync(path)
  const source = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')) as Source
  const definitions = parse(printSchema(buildClientSchema(source.data))).definitions
  const used = usedBy(source.data)
  addWhatSandboxesNeed(used, definitions)
  addInputs(used, definitions)
  const kept = definitions.flatMap((definition) => cut(definition, used))
  const schema = `# Part of the GraphQL Admin API ${API_VERSION} of Shopify: what our documents use.\n` +
    `# Made by "node docs/tools/shopify-schema.ts <introspection>": do not edit.\n\n${kept.map(print).join('\n\n')}\n`
  return { schema, access: accessOf(source, used) }
}

function usedBy (data: IntrospectionQuery): Used {
  const used: Used = new Map()
  const add = (type: string, field?: string): void => {
    const fields = used.get(type) ?? new Set()
    if (field !== undefined) fields.add(field)
    used.set(type, fields)
  }
  const types = new TypeInfo(buildClientSchema(data))
  for (const [name, text] of Object.entries(documents)) {
    visit(parse(text), visitWithTypeInfo(types, {
      Field (node) {
        if (node.name.value.startsWith('__')) return
        const parent = types.getParentType()
        const field = types.getFieldDef()
        if (parent == null || field == null) throw new Error(`${name}: the schema has no field ${node.name.value} on ${String(parent)}.`)
        add(parent.name, node.name.value)
        add(getNamedType(field.type).name)
      },
      InlineFragment (node) {
        if (node.typeCondition !== undefined) add(node.typeCondition.name.value)
      }
    }))
  }
  return used
}

/** A stand-in server pages both ways, and whoever reads the schema expects whole connections. */
function addWhatSandboxesNeed (used: Used, definitions: readonly DefinitionNode[]): void {
  const names = [...used.keys()].filter((name) => name.endsWith('Connection') || name === 'PageInfo')
  for (const name of names) {
    for (const field of fieldsOf(name, definitions)) {
      if (!['nodes', 'edges', 'pageInfo'].includes(field.name.value) && name !== 'PageInfo') continue
      used.get(name)?.add(field.name.value)
      const target = namedType(field.type)
      if (field.name.value === 'edges') used.set(target, new Set(['cursor', 'node']))
    }
  }
  // An object must have every field of an interface that it implements.
  for (const definition of definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || !used.has(definition.name.value)) continue
    for (const face of definition.interfaces ?? []) {
      for (const field of used.get(face.name.value) ?? []) used.get(definition.name.value)?.add(field)
    }
  }
}

function addInputs (used: Used, definitions: readonly DefinitionNode[]): void {
  const add = (type: TypeNode): void => {
    const name = namedType(type)
    if (used.has(name)) return
    used.set(name, new Set())
    for (const definition of definitions) {
      if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION && definition.name.value === name) {
        for (const field of definition.fields ?? []) add(field.type)
      }
    }
  }
  for (const [name, fields] of [...used]) {
    for (const field of fieldsOf(name, definitions)) {
      if (!fields.has(field.name.value)) continue
      add(field.type)
      for (const argument of field.arguments ?? []) add(argument.type)
    }
  }
}

const fieldsOf = (name: string, definitions: readonly DefinitionNode[]): readonly FieldDefinitionNode[] =>
  definitions.flatMap((definition) =>
    (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION) && definition.name.value === name
      ? definition.fields ?? []
      : [])

const namedType = (type: TypeNode): string => type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)

/** The definition without descriptions and without what nobody uses; nothing when it is not used at all. */
function cut (definition: DefinitionNode, used: Used): DefinitionNode[] {
  if (definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.DIRECTIVE_DEFINITION) return [bare(definition)]
  if (!('name' in definition) || definition.name === undefined) return []
  const fields = used.get(definition.name.value)
  if (fields === undefined) return []
  if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
    const own = (definition.fields ?? []).filter((field) => fields.has(field.name.value))
    // An interface without fields cannot be written down, and is of no use to anybody.
    if (own.length === 0) return []
    const interfaces = (definition.interfaces ?? []).filter((face) => (used.get(face.name.value)?.size ?? 0) > 0)
    return [bare({ ...definition, fields: own, interfaces })]
  }
  if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
    return [bare({ ...definition, types: (definition.types ?? []).filter((type) => used.has(type.name.value)) })]
  }
  return [bare(definition)]
}

const bare = <Node extends DefinitionNode>(definition: Node): Node =>
  visit(definition, { enter: (node) => 'description' in node ? { ...node, description: undefined } : undefined })

/** Scopes of which one is needed, by `Type` and by `Type.field`; what needs none is left out. */
function accessOf ({ offline_scopes: { items } }: Source, used: Used): string {
  const access: Record<string, string[]> = {}
  for (const { typeName, fieldName, offlineScopes } of items) {
    const fields = used.get(typeName)
    if (fields === undefined || offlineScopes.length === 0 || (fieldName !== undefined && !fields.has(fieldName))) continue
    access[fieldName === undefined ? typeName : `${typeName}.${fieldName}`] = offlineScopes
  }
  const sorted = Object.entries(access).sort(([a], [b]) => a < b ? -1 : 1)
  return `{\n${sorted.map(([name, scopes]) => `  ${JSON.stringify(name)}: ${JSON.stringify(scopes)}`).join(',\n')}\n}\n`
}

// Last, because it runs at once and needs everything above.
if (import.meta.main) {
  const [path] = process.argv.slice(2)
  if (path === undefined) {
    console.error('Give the path of the introspection (JSON, may be gzipped).')
    process.exitCode = 1
  } else {
    const root = join(import.meta.dirname, '..', '..')
    const { schema, access } = extract(path)
    writeFileSync(join(root, SCHEMA_PATH), schema)
    writeFileSync(join(root, ACCESS_PATH), access)
  }
}
