// npm run check:deploy: every proof of the deployment files that this machine has the tools for, each with a control that must fail.
// A proof whose tools are missing is skipped, loudly. --without rehearsal,replicas leaves some out.
import { strict as assert } from 'node:assert'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pino from 'pino'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/index.ts'
import { withoutPostgres } from '../test/helpers/postgres.ts'
import { disagreements } from './proofs/agreement.ts'
import { manifestFaults, type Manifest } from './proofs/kubernetes.ts'
import { exposedNames, rulesOf, type Rule } from './proofs/metric-names.ts'
import { proveReplicas, type Tally } from './proofs/replicas.ts'
import { KUBERNETES, workloads, type Read } from './proofs/workloads.ts'
import { cannotRehearse, rehearse } from './rehearse.ts'

const ROOT = join(import.meta.dirname, '..')
const read: Read = (path) => readFileSync(join(ROOT, path), 'utf8')
const say = (text: string): void => { console.log(`    ${text}`) }

interface Proof {
  name: string
  /** What this machine lacks for it. */
  lacks: () => string | false | Promise<string | false>
  /** Answers its figures. @throws Error that says what does not hold. */
  run: (folder: string) => string | Promise<string>
}

const run = (program: string, words: readonly string[], input = ''): SpawnSyncReturns<string> =>
  spawnSync(program, words, { cwd: ROOT, encoding: 'utf8', input, env: { ...process.env, COMPOSE_PROJECT_NAME: 'orchestrator' } })

const succeeds = (program: string, words: readonly string[], input?: string): string => {
  const { status, stdout, stderr } = run(program, words, input)
  assert.equal(status, 0, `${program} ${words.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

const refuses = (program: string, words: readonly string[], input?: string): void => {
  assert.notEqual(run(program, words, input).status, 0, `the control: ${program} takes what is wrong`)
}

const without = (program: string, words: readonly string[]) => (): string | false => {
  const { status, error } = run(program, words)
  return error === undefined && status === 0 ? false : `${program} is not installed`
}

const agreement = async (): Promise<string> => {
  const app = await buildApp(loadConfig({ NODE_ENV: 'testing' }).config, pino({ level: 'silent' }))
  const exposed = exposedNames((await app.telemetry.render!()).text)
  await app.close()
  assert.deepEqual(disagreements(read, exposed), [])
  const misspelt: Read = (path) => read(path).replace('SHOPIFY_ACCESS_TOKEN', 'SHOPIFY_ACESS_TOKEN')
  assert.ok(disagreements(misspelt, exposed).some((fault) => fault.includes('no setting SHOPIFY_ACESS_TOKEN')), 'the control: a misspelt variable is found')
  return `${workloads(read).length} processes, ${exposed.size} names of metrics`
}

const COMPOSE = run('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] as const : ['docker-compose'] as const

const compose = (folder: string): string => {
  const [program, ...first] = COMPOSE
  succeeds(program, [...first, 'config', '--quiet'])
  const whole = parse(succeeds(program, [...first, '--profile', 'replicas', '--profile', 'monitoring', 'config'])) as { services: object }
  const wrong = join(folder, 'docker-compose.yml')
  writeFileSync(wrong, read('docker-compose.yml').replace('restart:', 'restrat:'))
  refuses(program, [...first, '--file', wrong, 'config', '--quiet'])
  return `${Object.keys(whole.services).length} services`
}

const YAML_RULES = '{extends: default, rules: {line-length: {max: 160}, document-start: disable, braces: {max-spaces-inside: 1}}}'

const lint = (): string => {
  succeeds('yamllint', ['--strict', '-d', YAML_RULES, 'docker-compose.yml', 'render.yaml', 'deploy'])
  refuses('yamllint', ['--strict', '-d', YAML_RULES, '-'], 'a: 1\na: 2\n')
  return 'no findings'
}

const kustomize = (folder: string): string => {
  const built = parseAllDocuments(succeeds('kubectl', ['kustomize', KUBERNETES])).map((document) => document.toJS() as Manifest)
  assert.deepEqual(built.flatMap(manifestFaults), [])
  writeFileSync(join(folder, 'kustomization.yaml'), 'resources: [nothing.yaml]\n')
  refuses('kubectl', ['kustomize', folder])
  return `${built.length} manifests`
}

const RULE_TESTS = ['rules.test.yml', 'rules.day.test.yml']

/** Besides the rules themselves: with any alert that always fires or never fires, the tests have to fail. */
const alerts = (folder: string): string => {
  succeeds('promtool', ['check', 'config', 'deploy/prometheus/prometheus.yml'])
  succeeds('promtool', ['test', 'rules', ...RULE_TESTS.map((file) => `deploy/prometheus/${file}`)])
  for (const file of RULE_TESTS) writeFileSync(join(folder, file), read(`deploy/prometheus/${file}`))
  const text = read('deploy/prometheus/rules.yml')
  const rules = rulesOf(text)
  for (const { alert } of rules) {
    for (const expr of ['vector(1)', 'vector(1) > 2']) {
      const changed = parse(text) as { groups: Array<{ rules: Rule[] }> }
      changed.groups[0]!.rules.find((rule) => rule.alert === alert)!.expr = expr
      writeFileSync(join(folder, 'rules.yml'), stringify(changed))
      refuses('promtool', ['test', 'rules', ...RULE_TESTS.map((file) => join(folder, file))])
    }
  }
  return `${rules.length} alerts, ${2 * rules.length} that were made wrong were noticed`
}

const replicas = async (): Promise<string> => {
  const { checks, rolling, killed, withoutRetries } = await proveReplicas(say)
  const share = ({ failed, requests }: Tally): string => `${failed} of ${requests}`
  return `${checks} checks; failed: ${share(rolling)} in a rolling restart, ${share(killed)} at a kill -9, ${share(withoutRetries)} with the control`
}

const rehearsal = async (): Promise<string> => {
  const { checks, files, megabytes, readyMs, stopMs } = await rehearse(say, { provingControls: true })
  return `${checks} checks, ${files} files, ${megabytes} MB beside Node, ready in ${readyMs} ms, stopped in ${stopMs} ms`
}

const PROOFS: Proof[] = [
  { name: 'agreement', lacks: () => false, run: agreement },
  { name: 'compose', lacks: without(COMPOSE[0], [...COMPOSE.slice(1), 'version']), run: compose },
  { name: 'yaml', lacks: without('yamllint', ['--version']), run: lint },
  { name: 'kubernetes', lacks: without('kubectl', ['version', '--client']), run: kustomize },
  { name: 'alerts', lacks: without('promtool', ['--version']), run: alerts },
  { name: 'replicas', lacks: async () => without('nginx', ['-v'])() || await withoutPostgres(), run: replicas },
  { name: 'rehearsal', lacks: () => cannotRehearse() ?? false, run: rehearsal }
]

const { values } = parseArgs({ options: { without: { type: 'string', default: '' } } })
const leftOut = values.without.split(',')
const count = { passed: 0, failed: 0, skipped: 0 }
for (const { name, lacks, run: prove } of PROOFS) {
  const lacking = leftOut.includes(name) ? 'left out by --without' : await lacks()
  if (lacking !== false) {
    console.log(`SKIPPED  ${name}: ${lacking}`)
    count.skipped += 1
    continue
  }
  const folder = mkdtempSync(join(tmpdir(), 'check-deploy-'))
  const since = performance.now()
  try {
    const figures = await prove(folder)
    console.log(`ok       ${name}: ${figures} (${((performance.now() - since) / 1000).toFixed(1)} s)`)
    count.passed += 1
  } catch (error) {
    console.log(`FAILED   ${name}: ${(error as Error).message}`)
    count.failed += 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
console.log(`check:deploy: ${PROOFS.length} proofs, ${count.passed} passed, ${count.failed} failed, ${count.skipped} SKIPPED`)
if (count.failed > 0) process.exitCode = 1
