// The deployment files agree with the program, with each other and with what they are written for. `npm run check:deploy` runs more.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { disagreements } from '../deploy/proofs/agreement.ts'
import { parseDockerfile } from '../deploy/proofs/dockerfile.ts'
import { exposedNames, metricNames } from '../deploy/proofs/metric-names.ts'
import { workloads, type Read } from '../deploy/proofs/workloads.ts'
import { buildTestApp, listen } from './helpers/app.ts'
import { send } from './helpers/api-document.ts'

const ROOT = join(import.meta.dirname, '..')
const read: Read = (path) => readFileSync(join(ROOT, path), 'utf8')

/** The project with one text replaced in one file. */
const broken = (file: string, from: string | RegExp, to: string): Read => (path) => {
  const text = read(path)
  if (path !== file) return text
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${file} has no ${String(from)}`)
  return changed
}

const exposed = async (t: Test): Promise<Set<string>> => {
  const { app } = await buildTestApp(t)
  const { body } = await send(await listen(app), { url: '/metrics', headers: { accept: 'text/plain' } })
  return exposedNames(body)
}

t.test('the deployment files agree with the program and with each other', async (t) => {
  const names = await exposed(t)
  t.strictSame(disagreements(read, names), [])
  const all = workloads(read)
  t.strictSame(all.map(({ name }) => name.replace(/^.*[/ ]/, '')).sort(), [
    'Dockerfile', 'api-1', 'api-2', 'app', 'orchestrator-api', 'orchestrator-worker', 'royal-equips-orchestrator', 'royal-equips-orchestrator', 'worker'
  ].sort(), 'all of them were looked at')
  t.strictSame(all.flatMap(({ environment }) => environment['ROLE'] ?? []).sort(), ['all', 'api', 'api', 'api', 'worker', 'worker'])
})

// Each breaks one thing, and that has to be said.
const BREACHES: Array<[file: string, from: string | RegExp, to: string, says: RegExp]> = [
  ['Dockerfile', 'DATA_DIR=/data', 'DATA_DIRECTORY=/data', /^Dockerfile: the program has no setting DATA_DIRECTORY$/],
  ['Dockerfile', 'DATA_DIR=/data', 'DATA_DIR=/var/data', /^Dockerfile: the store is in \/var\/data, and what is kept is \/data$/],
  ['Dockerfile', 'USER 65534:65534', 'USER 0', /^Dockerfile: the user is not 65534/],
  ['Dockerfile', 'CMD ["node", "dist/src/server.js"]', 'CMD node dist/src/server.js', /^Dockerfile: CMD in the shell form/],
  ['Dockerfile', 'FROM node:24.21.0-', 'FROM node:22.1.0-', /is not the Node 24/],
  ['Dockerfile', 'EXPOSE 10000', 'EXPOSE 8080', /^Dockerfile: the program listens on 10000, and is expected on 8080$/],
  ['docker-compose.yml', 'SHOPIFY_ACCESS_TOKEN:', 'SHOPIFY_ACESS_TOKEN:', /^docker-compose.yml app: the program has no setting SHOPIFY_ACESS_TOKEN$/],
  ['docker-compose.yml', 'PORT: "10000"', 'PORT: "10001"', /^docker-compose.yml app: the program listens on 10001, and is expected on 10000$/],
  ['docker-compose.yml', 'stop_grace_period: 40s', 'stop_grace_period: 30s', /^docker-compose.yml app: it is killed after 30 s, and may need 35 s to stop$/],
  ['docker-compose.yml', 'ROLE: worker', 'ROLE: workers', /^docker-compose.yml worker: ROLE must be one of/],
  ['docker-compose.yml', 'TRUST_PROXY: 172.30.99.10', 'TRUST_PROXY: 172.30.99.1', /^docker-compose.yml api-1: TRUST_PROXY is not the address of nginx$/],
  ['docker-compose.yml', 'restart: unless-stopped', 'restrat: unless-stopped', /^docker-compose.yml\/services\/app: must NOT have additional properties/],
  ['deploy/nginx/upstreams.conf', 'server api-2:', 'server api-3:', /^deploy\/nginx\/upstreams.conf: api-3:10000 is no api/],
  ['deploy/nginx/nginx.conf', 'client_max_body_size 1m', 'client_max_body_size 8m', /^deploy\/nginx\/nginx.conf: bodies of 8388608 and/],
  ['deploy/nginx/nginx.conf', 'proxy_read_timeout 75s', 'proxy_read_timeout 20s', /gives up after 20 s/],
  ['deploy/nginx/nginx.conf', 'keepalive_timeout 60s', 'keepalive_timeout 80s', /keeps idle connections for 80 s/],
  ['render.yaml', 'healthCheckPath: /healthz', 'healthCheckPath: /health', /^render.yaml .*: liveness is \/healthz, not \/health$/],
  ['render.yaml', 'key: GITHUB_TOKEN', 'key: GITHUB_TOKN', /^render.yaml .*: the program has no setting GITHUB_TOKN$/],
  ['deploy/render-disk.yaml', 'mountPath: /data', 'mountPath: /var/data', /the store is in \/data, and what is kept is \/var\/data$/],
  ['deploy/kubernetes/api.yaml', /(readinessProbe:\s+httpGet: \{path: )\/readyz/, '$1/healthz', /orchestrator-api: readiness is \/readyz, not \/healthz$/],
  ['deploy/kubernetes/api.yaml', 'terminationGracePeriodSeconds: 40', 'terminationGracePeriodSeconds: 30', /api: it is killed after 30 s/],
  ['deploy/kubernetes/api.yaml', 'readOnlyRootFilesystem', 'readOnlyRootFileSystem', /readOnlyRootFileSystem is not part of apps\/v1 Deployment$/],
  ['deploy/kubernetes/worker.yaml', 'containerPort: 10000', 'containerPort: "10000"', /^Deployment orchestrator-worker: .* must be integer/],
  ['deploy/kubernetes/settings.yaml', 'PORT: "10000"', 'PROT: "10000"', /orchestrator-api: the program has no setting PROT$/],
  ['deploy/kubernetes/service.yaml', 'component: api', 'component: web', /^Service orchestrator selects no pods$/],
  ['deploy/kubernetes/autoscaling.yaml', 'name: orchestrator-api}', 'name: orchestrator}', /^HorizontalPodAutoscaler orchestrator-api scales orchestrator, /],
  ['deploy/kubernetes/kustomization.yaml', 'newTag: 3.0.0', 'newTag: 2.0.0', /:2.0.0 is not the version 3/],
  ['deploy/prometheus/prometheus.yml', 'api-2, worker', 'api-2', /^Prometheus does not ask worker$/],
  ['deploy/prometheus/rules.yml', 'expr: orchestrator_ready', 'expr: orchestrator_redy', /OrchestratorNotReady: there is no metric orchestrator_redy$/],
  ['deploy/prometheus/rules.yml', '#many-5xx', '#many-errors', /^rules.yml OrchestratorErrors: there is no docs\/operations.md#many-errors$/],
  ['deploy/grafana/dashboards/orchestrator.json', 'orchestrator_open_streams', 'orchestrator_streams', /there is no metric orchestrator_streams$/],
  ['src/server.ts', 'CLOSE_SLACK_MS = 10_000', 'CLOSE_SLACK_MS = 60_000', /^docker-compose.yml app: it is killed after 40 s, and may need 85 s to stop$/]
]

t.test('and each kind of disagreement is found', async (t) => {
  const names = await exposed(t)
  for (const [file, from, to, says] of BREACHES) {
    const faults = disagreements(broken(file, from, to), names)
    t.ok(faults.some((fault) => says.test(fault)), `${file} with ${to}: ${says}`, { faults })
  }
})

t.test('what the rehearsal would leave out of the Dockerfile is refused', async (t) => {
  t.throws(() => parseDockerfile('FROM node\nARG KEY'), /not understood: ARG KEY/)
  t.strictSame(parseDockerfile('FROM a AS b\nCOPY --from=x --chown=1:1 c d\nCMD ["e", "f g"]'), [{
    name: 'b',
    image: 'a',
    instructions: [
      { keyword: 'COPY', flags: { from: 'x', chown: '1:1' }, words: ['c', 'd'], exec: false },
      { keyword: 'CMD', flags: {}, words: ['e', 'f g'], exec: true }
    ]
  }])
})

t.test('names are found in PromQL', async (t) => {
  t.strictSame(metricNames('sum by (le, a) (rate(x_bucket{b="c",d=~"e"}[5m])) / (y offset 15m or max without (z) (x)) * 0 > 0.25 and up == 1'),
    ['x_bucket', 'y', 'x'])
})

t.test('alerts fire when they should, and only then', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const tests = ['rules.test.yml', 'rules.day.test.yml']
  const promtool = (rules: string) => {
    writeFileSync(join(folder, 'rules.yml'), rules)
    for (const file of tests) writeFileSync(join(folder, file), read(`deploy/prometheus/${file}`))
    return spawnSync('promtool', ['test', 'rules', ...tests], { cwd: folder, encoding: 'utf8' })
  }
  const rules = read('deploy/prometheus/rules.yml')
  const result = promtool(rules)
  if (result.error !== undefined) {
    t.comment('promtool is not installed: the alerts were not tried')
    return
  }
  t.equal(result.status, 0, result.stdout + result.stderr)
  t.equal(promtool(rules.replace('> 120\n        for: 5m', '> 1200\n        for: 5m')).status, 1, 'a threshold that is off is noticed')
})
