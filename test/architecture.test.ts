// Who may import whom, and the other rules of the house that a machine can check.
import { join } from 'node:path'
import t from 'tap'
import { faultsOf } from '../docs/tools/dependencies.ts'
import { findViolations, readTree } from './helpers/architecture.ts'

const ROOT = join(import.meta.dirname, '..')

const violationsOf = (files: Record<string, string>): string[] => findViolations(new Map(Object.entries(files)))

t.test('the tree keeps to the rules', async (t) => {
  const tree = readTree(ROOT)
  t.ok(tree.has('src/core/errors.ts'), 'the sources were found')
  t.equal(findViolations(tree).join('\n'), '')
})

t.test('every import that the table allows passes', async (t) => {
  t.same(violationsOf({
    'src/server.ts': "import { load } from './config/index.ts'\nimport { build } from './app.ts'",
    'src/app.ts': [
      "import Fastify from 'fastify'",
      "import type { Shop } from '../sandbox/index.ts'",
      "import { openStore } from './store/index.ts'",
      "import { agents } from './agents/index.ts'",
      "import jobs from '../plugins/jobs.ts'",
      "import health from '../routes/health/index.ts'",
      "const { start } = await import('../sandbox/index.ts')"
    ].join('\n'),
    'src/config/index.ts': "import { AppError } from '../core/errors.ts'",
    'src/core/errors.ts': '// Math.random and 400 are words here\nconst n = Math.max(1, 2)',
    'src/core/orchestrator.ts': "import { AppError } from './errors.ts'",
    'src/store/index.ts': "import { open } from './sqlite/engine.ts'",
    'src/store/sqlite/engine.ts': "import { DatabaseSync } from 'node:sqlite'\nnew Worker(new URL('./writer.ts', import.meta.url))",
    'src/store/sqlite/writer.ts': "import type { Store } from '../../core/store.ts'",
    'src/integrations/shopify/index.ts': "import type { Shop } from '../../core/ports.ts'",
    'src/agents/index.ts': "import { analytics } from './analytics/index.ts'",
    'src/agents/analytics/index.ts': "import type { Agent } from '../../core/agent.ts'",
    'src/agents/analytics/schema.ts': "import { Type } from '@sinclair/typebox'",
    'plugins/jobs.ts': [
      "import fp from 'fastify-plugin'",
      "import { openStore } from '../src/store/index.ts'",
      "import { shopify } from '../src/integrations/shopify/index.ts'"
    ].join('\n'),
    'routes/health/index.ts': [
      "import type { Store } from '../../src/store/index.ts'",
      "export type { Agent } from '../../src/agents/index.ts'",
      "import { AppError } from '../../src/core/errors.ts'",
      "import { Input } from '../../src/agents/analytics/schema.ts'",
      "import { version } from '../../package.json'"
    ].join('\n'),
    'sandbox/index.ts': `${'\n'.repeat(900)}const chance = Math.random()`
  }), [])
})

// The negative controls: each tree breaks one rule, and the words have to turn up in the only line reported.
const BREACHES: Array<{ rule: string, files: Record<string, string>, says: RegExp }> = [
  {
    rule: 'core imports only core',
    files: { 'src/core/jobs.ts': "\nimport { openStore } from '../store/index.ts'" },
    says: /^src\/core\/jobs\.ts:2 imports src\/store\/index\.ts: core may import only core$/
  },
  { rule: 'types count', files: { 'src/core/jobs.ts': "import type { A } from '../agents/index.ts'" }, says: /core may import only core/ },
  { rule: 'import types count', files: { 'src/core/jobs.ts': "let a: import('../agents/index.ts').A" }, says: /core may import only core/ },
  { rule: 'export from counts', files: { 'src/core/jobs.ts': "export * from '../agents/index.ts'" }, says: /core may import only core/ },
  {
    rule: 'import() counts',
    files: { 'src/core/jobs.ts': "const a = await import('../agents/index.ts')" },
    says: /core may import only core/
  },
  {
    rule: 'a worker file counts',
    files: { 'src/core/jobs.ts': "new Worker(new URL('../agents/index.ts', import.meta.url))" },
    says: /core may import only core/
  },
  { rule: 'import() of a computed path', files: { 'src/core/jobs.ts': 'await import(name)' }, says: /jobs\.ts:1 loads a computed path/ },
  {
    rule: 'store never imports agents',
    files: { 'src/store/index.ts': "import { a } from '../agents/index.ts'" },
    says: /store may import only store, core/
  },
  {
    rule: 'agents never import integrations',
    files: { 'src/agents/analytics/index.ts': "import type { Shopify } from '../../integrations/shopify/index.ts'" },
    says: /agents may import only agents, core/
  },
  {
    rule: 'integrations never import the store',
    files: { 'src/integrations/http/index.ts': "import { openStore } from '../../store/index.ts'" },
    says: /integrations may import only integrations, core/
  },
  {
    rule: 'config knows only core',
    files: { 'src/config/index.ts': "import { openStore } from '../store/index.ts'" },
    says: /config may import only config, core/
  },
  {
    rule: 'src never imports plugins',
    files: { 'src/core/jobs.ts': "import jobs from '../../plugins/jobs.ts'" },
    says: /imports plugins\/jobs\.ts: core may/
  },
  {
    rule: 'src never imports routes',
    files: { 'src/agents/index.ts': "import jobs from '../../routes/jobs/index.ts'" },
    says: /imports routes\/jobs\/index\.ts: agents may/
  },
  {
    rule: 'plugins never import routes',
    files: { 'plugins/jobs.ts': "import jobs from '../routes/jobs/index.ts'" },
    says: /plugins may import only plugins, core, config/
  },
  {
    rule: 'routes never import plugins',
    files: { 'routes/jobs/index.ts': "import type { Jobs } from '../../plugins/jobs.ts'" },
    says: /routes may import only routes, core, and schemas and types of src$/
  },
  {
    rule: 'routes take no values of src but core and schemas',
    files: { 'routes/jobs/index.ts': "import { agents } from '../../src/agents/index.ts'" },
    says: /imports src\/agents\/index\.ts: routes may/
  },
  {
    rule: 'an inline type loads the module',
    files: { 'routes/jobs/index.ts': "import { type Agent } from '../../src/agents/index.ts'" },
    says: /imports src\/agents\/index\.ts: routes may/
  },
  { rule: 'nobody imports the app', files: { 'plugins/jobs.ts': "import '../src/app.ts'" }, says: /imports src\/app\.ts: plugins may/ },
  { rule: 'nothing imports tests', files: { 'src/app.ts': "import '../test/helpers/clock.ts'" }, says: /imports test\/helpers\/clock\.ts/ },
  { rule: 'a new folder of src', files: { 'src/helpers/dates.ts': '' }, says: /helpers is not in the table/ },
  { rule: 'a new file of src', files: { 'src/main.ts': '' }, says: /src\/main\.ts is not in the table/ },
  {
    rule: 'a cycle',
    files: {
      'src/core/a.ts': "import './b.ts'",
      'src/core/b.ts': "import type { C } from './c.ts'",
      'src/core/c.ts': "export { a } from './a.ts'",
      'src/core/d.ts': "import './a.ts'"
    },
    says: /^cycle: src\/core\/a\.ts -> src\/core\/b\.ts -> src\/core\/c\.ts -> src\/core\/a\.ts$/
  },
  { rule: 'a file that imports itself', files: { 'routes/a.ts': "import './a.ts'" }, says: /^cycle: routes\/a\.ts -> routes\/a\.ts$/ },
  {
    rule: 'Fastify in src',
    files: { 'src/core/jobs.ts': "import type { FastifyInstance } from 'fastify'" },
    says: /jobs\.ts:1 imports fastify: within src\/ only/
  },
  {
    rule: "Fastify's plugins in src",
    files: { 'src/agents/index.ts': "import '@fastify/sensible'" },
    says: /imports @fastify\/sensible: within/
  },
  {
    rule: 'fastify-plugin in src',
    files: { 'src/config/index.ts': "import fp from 'fastify-plugin'" },
    says: /imports fastify-plugin: within/
  },
  {
    rule: 'the door of the store',
    files: { 'plugins/store.ts': "import { SqliteStore } from '../src/store/sqlite/engine.ts'" },
    says: /imports src\/store\/sqlite\/engine\.ts: src\/store\/index\.ts is the only door of the store/
  },
  {
    rule: 'the door of the store, for the app and for types',
    files: { 'src/app.ts': "import type { SqliteStore } from './store/sqlite/engine.ts'" },
    says: /is the only door/
  },
  { rule: 'SQLite outside the store', files: { 'plugins/db.ts': "import 'node:sqlite'" }, says: /imports node:sqlite: only src\/store/ },
  { rule: 'SQLite by require', files: { 'src/core/db.ts': "process.getBuiltinModule('node:sqlite')" }, says: /imports node:sqlite/ },
  { rule: 'Postgres outside the store', files: { 'sandbox/db.ts': "import pg from 'pg'" }, says: /imports pg: only src\/store/ },
  {
    rule: 'the app loads the sandbox by import() alone',
    files: { 'src/app.ts': "import { start } from '../sandbox/index.ts'" },
    says: /production would load the sandbox/
  },
  {
    rule: 'nobody else loads the sandbox',
    files: { 'src/server.ts': "import('../sandbox/index.ts')" },
    says: /imports sandbox\/index\.ts/
  },
  {
    rule: 'the sandbox stands alone',
    files: { 'sandbox/index.ts': "import { shopify } from '../src/integrations/shopify/index.ts'" },
    says: /sandbox may import only sandbox, core/
  },
  {
    rule: 'the sandbox reads no configuration and no settings of ours',
    files: { 'sandbox/main.ts': "import { loadConfig } from '../src/config/index.ts'" },
    says: /sandbox may import only sandbox, core/
  },
  {
    rule: 'the sandbox takes nothing of the plugins, not even types',
    files: { 'sandbox/index.ts': "import type { StandIns } from '../plugins/upstreams.ts'" },
    says: /sandbox may import only sandbox, core/
  },
  {
    rule: 'what builds the upstreams takes nothing of the sandbox, not even types',
    files: { 'plugins/upstreams.ts': "import type { Sandbox } from '../sandbox/index.ts'" },
    says: /imports sandbox\/index\.ts: plugins may/
  },
  {
    rule: 'what builds the upstreams does not load the sandbox',
    files: { 'plugins/upstreams.ts': "const { startSandbox } = await import('../sandbox/index.ts')" },
    says: /imports sandbox\/index\.ts: plugins may/
  },
  {
    rule: 'an integration does not load the sandbox',
    files: { 'src/integrations/shopify/index.ts': "await import('../../../sandbox/index.ts')" },
    says: /imports sandbox\/index\.ts: integrations may/
  },
  {
    rule: 'a command does not load the sandbox',
    files: { 'bin/doctor.ts': "await import('../sandbox/index.ts')" },
    says: /imports sandbox\/index\.ts: bin may/
  },
  { rule: 'a long file', files: { 'plugins/long.ts': 'f()\n'.repeat(401) }, says: /^plugins\/long\.ts has 401 lines: 400 is the limit$/ },
  { rule: 'chance', files: { 'routes/a.ts': '\nconst n = Math.random()' }, says: /^routes\/a\.ts:2 uses Math\.random/ },
  { rule: 'chance, taken out', files: { 'plugins/a.ts': 'const { random } = Math' }, says: /^plugins\/a\.ts:1 uses Math\.random/ },
  { rule: 'chance, by name', files: { 'src/core/a.ts': "Math['random']()" }, says: /^src\/core\/a\.ts:1 uses Math\.random/ }
]

t.test('a breach of each rule is reported', async (t) => {
  for (const { rule, files, says } of BREACHES) {
    const violations = violationsOf(files)
    t.equal(violations.length, 1, `${rule}: ${violations.join(' | ') || 'nothing was reported'}`)
    t.match(violations[0], says, rule)
  }
})

t.test('400 lines are allowed, and a clean tree of none is clean', async (t) => {
  t.same(violationsOf({ 'plugins/long.ts': 'f()\n'.repeat(400) }), [])
  t.same(findViolations(readTree('/nowhere')), [])
})

t.test('dependencies: licences, hashes and install scripts', async (t) => {
  const good = { license: 'MIT', integrity: 'sha512-x' }
  const faults = (locked: object, scripts = {}): string => faultsOf({ packages: { 'node_modules/a': { ...good, ...locked } } }, scripts).join()
  t.equal(faults({}), '')
  t.match(faults({ license: 'AGPL-3.0-only' }), /licence AGPL/)
  t.match(faults({ license: undefined }), /licence none/)
  t.match(faults({ license: 'CC-BY-3.0' }), /licence CC-BY/, 'what is deployed is held to more')
  t.equal(faults({ license: 'CC-BY-3.0', dev: true }), '')
  t.match(faults({ integrity: undefined }), /no hash/)
  t.match(faults({ hasInstallScript: true }), /allowScripts/)
  t.equal(faults({ hasInstallScript: true }, { a: false }), '')
})
