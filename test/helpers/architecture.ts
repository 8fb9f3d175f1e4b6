// Reads the import graph of the product's sources and lists what breaks the rules of the house, one readable line each.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import ts from 'typescript'

/** Text of every source file by its path from the root of the project, with forward slashes: 'src/core/errors.ts'. */
export type Tree = ReadonlyMap<string, string>

interface Import {
  from: string
  /** Line in `from`, from 1. */
  line: number
  specifier: string
  /** The file meant by a relative specifier; undefined for a package. */
  target: string | undefined
  /** `type` is erased and loads nothing; `dynamic` loads when it is reached. */
  kind: 'static' | 'dynamic' | 'type'
}

interface Source {
  path: string
  lines: number
  imports: Import[]
  /** Breaches that one file shows alone. */
  faults: string[]
}

const FOLDERS = ['src', 'plugins', 'routes', 'sandbox', 'bin']
const LONGEST_FILE = 400

// Who may import whom. A new folder below src/ has to be entered here: that is the moment to decide what it may know.
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: ['core'],
  config: ['config', 'core'],
  store: ['store', 'core'],
  integrations: ['integrations', 'core'],
  agents: ['agents', 'core'],
  plugins: ['plugins', 'core', 'config', 'store', 'integrations', 'agents'],
  routes: ['routes', 'core'],
  sandbox: ['sandbox', 'core'],
  // Commands run in production too: they are put together as the app is, without the sandbox.
  bin: ['bin', 'core', 'config', 'store', 'integrations', 'agents', 'plugins'],
  'src/app.ts': ['core', 'config', 'store', 'integrations', 'agents', 'plugins', 'routes', 'sandbox'],
  'src/server.ts': ['src/app.ts', 'core', 'config', 'store', 'integrations', 'agents', 'plugins', 'routes']
}

// Beyond that, routes may take schemas, and types of anything, from these.
const ROUTES_MAY_QUOTE = ['config', 'store', 'integrations', 'agents']
const IS_SCHEMA = /(^|[/-])schemas?([/.]|$)/

const COMPOSITION = ['src/app.ts', 'src/server.ts']
const IS_FASTIFY = /^(@fastify\/.+|fastify([/-].+)?)$/
const STORE_DOOR = 'src/store/index.ts'
const STORE_PACKAGES = ['node:sqlite', 'pg', 'kysely']

/** The sources below `root`; a folder that does not exist is empty. */
export function readTree (root: string): Tree {
  const tree = new Map<string, string>()
  for (const folder of FOLDERS) {
    for (const path of listFolder(join(root, folder))) {
      if (path.endsWith('.ts')) tree.set(posix.join(folder, path.split(sep).join('/')), readFileSync(join(root, folder, path), 'utf8'))
    }
  }
  return tree
}

/** Every breach in the tree; an empty list when there is none. */
export function findViolations (tree: Tree): string[] {
  const sources = [...tree].map(([path, text]) => parse(path, text)).sort((a, b) => a.path < b.path ? -1 : 1)
  return [
    ...sources.flatMap(judgeFile),
    ...sources.flatMap((source) => source.imports.flatMap(judgeImport)),
    ...findCycles(sources)
  ]
}

function listFolder (folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function parse (path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const source: Source = { path, lines: text.trimEnd().split('\n').length, imports: [], faults: [] }
  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart()).line + 1

  const add = (node: ts.Node, specifier: ts.Node | undefined, kind: Import['kind']): void => {
    const line = lineOf(node)
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) {
      source.faults.push(`${path}:${line} loads a computed path: write it out, so that it can be followed`)
      return
    }
    const target = specifier.text.startsWith('.') ? posix.join(posix.dirname(path), specifier.text) : undefined
    source.imports.push({ from: path, line, specifier: specifier.text, target, kind })
  }

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, isTypeOnly(node) ? 'type' : 'static')
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static')
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, 'type')
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], 'dynamic')
    } else if (ts.isCallExpression(node) && /^(require|process\.getBuiltinModule)$/.test(node.expression.getText())) {
      add(node, node.arguments[0], 'dynamic')
    } else if (isModuleUrl(node)) {
      add(node, node.arguments?.[0], 'dynamic')
    } else if (ts.isIdentifier(node) && node.text === 'Math' && !isHarmlessMath(node) && !inSandbox(path)) {
      source.faults.push(`${path}:${lineOf(node)} uses Math.random: take the source of chance as a parameter`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return source
}

/** `import type ...` alone: under verbatimModuleSyntax `import { type A }` still loads the module. */
const isTypeOnly = (node: ts.ImportDeclaration): boolean => node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword

/** `new URL('./writer.ts', import.meta.url)`: how a worker thread's file is named. */
const isModuleUrl = (node: ts.Node): node is ts.NewExpression => ts.isNewExpression(node) && node.expression.getText() === 'URL' &&
  node.arguments?.[1]?.getText() === 'import.meta.url' && /\.[jt]s['"`]$/.test(node.arguments[0]?.getText() ?? '')

/** `Math.max`, but not `Math.random`, `Math['random']` or `const { random } = Math`. */
const isHarmlessMath = (node: ts.Identifier): boolean => ts.isPropertyAccessExpression(node.parent) && node.parent.name.text !== 'random'

/** The sandbox invents a shop and holds long tables: chance and length are judged in the product alone. */
const inSandbox = (path: string): boolean => path.startsWith('sandbox/')

function judgeFile (source: Source): string[] {
  const violations = [...source.faults]
  if (!inSandbox(source.path) && source.lines > LONGEST_FILE) {
    violations.push(`${source.path} has ${source.lines} lines: ${LONGEST_FILE} is the limit`)
  }
  if (MAY_IMPORT[layerOf(source.path)] === undefined) {
    violations.push(`${source.path}: ${layerOf(source.path)} is not in the table of who may import whom (test/helpers/architecture.ts)`)
  }
  return violations
}

function judgeImport (edge: Import): string[] {
  const where = `${edge.from}:${edge.line}`
  if (edge.target === undefined) return judgePackage(edge, where)
  // package.json and other data know nothing of ours.
  if (!/\.[cm]?[jt]s$/.test(edge.target)) return []

  const violations: string[] = []
  const from = layerOf(edge.from)
  const to = layerOf(edge.target)
  const allowed = MAY_IMPORT[from]
  if (allowed !== undefined && !allowed.includes(to) && !isQuote(from, to, edge)) {
    const rest = from === 'routes' ? ', and schemas and types of src' : ''
    violations.push(`${where} imports ${edge.target}: ${from} may import only ${allowed.join(', ')}${rest}`)
  }
  if (to === 'sandbox' && from === 'src/app.ts' && edge.kind === 'static') {
    violations.push(`${where} imports ${edge.target} statically: production would load the sandbox; use import()`)
  }
  if (to === 'store' && from !== 'store' && edge.target !== STORE_DOOR) {
    violations.push(`${where} imports ${edge.target}: ${STORE_DOOR} is the only door of the store`)
  }
  return violations
}

function judgePackage (edge: Import, where: string): string[] {
  const violations: string[] = []
  if (edge.from.startsWith('src/') && !COMPOSITION.includes(edge.from) && IS_FASTIFY.test(edge.specifier)) {
    violations.push(`${where} imports ${edge.specifier}: within src/ only app.ts and server.ts know Fastify`)
  }
  if (layerOf(edge.from) !== 'store' && STORE_PACKAGES.some((name) => edge.specifier === name || edge.specifier.startsWith(`${name}/`))) {
    violations.push(`${where} imports ${edge.specifier}: only src/store speaks to a database`)
  }
  return violations
}

const isQuote = (from: string, to: string, edge: Import): boolean =>
  from === 'routes' && ROUTES_MAY_QUOTE.includes(to) && (edge.kind === 'type' || IS_SCHEMA.test(edge.target ?? ''))

/** 'core' for src/core/errors.ts, 'routes' for routes/health/index.ts, and the path itself for what stands in src/ or elsewhere. */
function layerOf (path: string): string {
  const [top = '', folder = '', rest] = path.split('/')
  if (top === 'src') return rest === undefined ? path : folder
  return FOLDERS.includes(top) ? top : path
}

/** One line for every import that leads back to a file from which it was reached. Types count: a cycle of types is a missing third file. */
function findCycles (sources: Source[]): string[] {
  const graph = new Map(sources.map((source) => [source.path, source.imports.map((edge) => edge.target ?? '')]))
  const cycles: string[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      cycles.push(`cycle: ${[...trail.slice(start), path].join(' -> ')}`)
      return
    }
    if (done.has(path)) return
    for (const target of graph.get(path) ?? []) walk(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  return cycles
}
