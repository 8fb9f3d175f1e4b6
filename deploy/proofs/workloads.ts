// The processes of the service that the deployment files describe, from whichever file, in one shape.
import { parseAllDocuments } from 'yaml'
import { environmentOf, ofKeyword, parseDockerfile } from './dockerfile.ts'
import type { Manifest } from './kubernetes.ts'

/** Gives the text of a file of the project, by its path from the root. */
export type Read = (path: string) => string

export interface Probe { kind: 'liveness' | 'readiness', path: string, port: number | undefined }

export interface Workload {
  /** File and name. */
  name: string
  /** Null: set, but by whom the file does not say. */
  environment: Record<string, string | null>
  /** Where traffic is sent. */
  port: number
  probes: Probe[]
  /** From SIGTERM to SIGKILL, seconds; undefined: the image leaves it to whoever runs it. */
  graceSeconds: number | undefined
  /** Where a disk is mounted. */
  disk: string | undefined
}

const known = new Map<string, unknown[]>()

/** The documents of a YAML text, each text parsed once: the tests ask for the same files many times. Not to be changed. */
export const documentsOf = (text: string): unknown[] => {
  let documents = known.get(text)
  if (documents === undefined) {
    documents = parseAllDocuments(text, { merge: true }).map((document) => document.toJS() as unknown)
    known.set(text, documents)
  }
  return documents
}

const parse = (text: string): unknown => documentsOf(text)[0]

export const IMAGE_NAME = 'royal-equips-orchestrator'
export const KUBERNETES = 'deploy/kubernetes'
const RENDER_FILES = ['render.yaml', 'deploy/render-disk.yaml']

export const workloads = (read: Read): Workload[] => [
  imageWorkload(read),
  ...composeWorkloads(read),
  ...RENDER_FILES.flatMap((path) => renderWorkloads(read, path)),
  ...kubernetesWorkloads(manifests(read))
]

const imageWorkload = (read: Read): Workload => {
  const image = parseDockerfile(read('Dockerfile')).at(-1)!
  return {
    name: 'Dockerfile',
    environment: environmentOf(image),
    port: Number(ofKeyword(image, 'EXPOSE')[0]?.words[0]),
    probes: [],
    graceSeconds: undefined,
    disk: ofKeyword(image, 'VOLUME')[0]?.words[0]
  }
}

export interface ComposeService {
  image: string
  environment?: Record<string, string | null>
  ports?: string[]
  networks?: Record<string, { ipv4_address?: string } | null>
  stop_grace_period?: string
}

export const composeServices = (read: Read): Record<string, ComposeService> =>
  (parse(read('docker-compose.yml')) as { services: Record<string, ComposeService> }).services

const composeWorkloads = (read: Read): Workload[] =>
  Object.entries(composeServices(read)).filter(([, { image }]) => image.startsWith(`${IMAGE_NAME}:`)).map(([name, service]) => ({
    name: `docker-compose.yml ${name}`,
    environment: Object.fromEntries(Object.entries(service.environment ?? {}).map(([key, value]) => [key, value === null ? null : withDefaults(value)])),
    // Published or not, others come to this one.
    port: Number(service.ports?.[0]?.split(':').at(-1) ?? service.environment?.['PORT']),
    probes: [],
    graceSeconds: Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1]),
    disk: undefined
  }))

/** `${NAME:-default}` as Compose reads it when NAME is not set. */
const withDefaults = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1')

interface RenderService {
  name: string
  healthCheckPath: string
  maxShutdownDelaySeconds: number
  disk?: { mountPath: string }
  envVars: Array<{ key: string, value?: string }>
}

const renderWorkloads = (read: Read, path: string): Workload[] => (parse(read(path)) as { services: RenderService[] }).services.map((service) => {
  const environment = Object.fromEntries(service.envVars.map(({ key, value }) => [key, value ?? null]))
  return {
    name: `${path} ${service.name}`,
    environment,
    port: Number(environment['PORT']),
    // Render restarts a service that fails it.
    probes: [{ kind: 'liveness', path: service.healthCheckPath, port: undefined }],
    graceSeconds: service.maxShutdownDelaySeconds,
    disk: service.disk?.mountPath
  }
})

/** All manifests that the kustomization names, and the example of a secret. */
export const manifests = (read: Read): Manifest[] => {
  const { resources } = parse(read(`${KUBERNETES}/kustomization.yaml`)) as { resources: string[] }
  return [...resources, 'secret.example.yaml'].flatMap((file) => documentsOf(read(`${KUBERNETES}/${file}`)) as Manifest[])
}

interface PodSpec {
  terminationGracePeriodSeconds: number
  containers: Array<{
    env: Array<{ name: string, value: string }>
    envFrom: Array<{ configMapRef?: { name: string }, secretRef?: { name: string } }>
    ports: Array<{ name: string, containerPort: number }>
    livenessProbe: KubernetesProbe
    readinessProbe: KubernetesProbe
    startupProbe: KubernetesProbe
  }>
}
interface KubernetesProbe { httpGet: { path: string, port: string | number } }

const kubernetesWorkloads = (all: Manifest[]): Workload[] => all.filter(({ kind }) => kind === 'Deployment').map((deployment) => {
  const pod = (deployment['spec'] as { template: { spec: PodSpec } }).template.spec
  const container = pod.containers[0]!
  const named = (kind: string, name: string | undefined, part: string): Record<string, string> => {
    if (name === undefined) return {}
    const found = all.find((one) => one.kind === kind && one.metadata.name === name)
    if (found === undefined) throw new Error(`${deployment.metadata.name} refers to a ${kind} ${name} that does not exist`)
    return found[part] as Record<string, string>
  }
  const from = container.envFrom.map(({ configMapRef, secretRef }) => ({
    ...named('ConfigMap', configMapRef?.name, 'data'),
    // To be filled in.
    ...Object.fromEntries(Object.keys(named('Secret', secretRef?.name, 'stringData')).map((key) => [key, null]))
  }))
  const port = ({ httpGet }: KubernetesProbe): number | undefined =>
    typeof httpGet.port === 'number' ? httpGet.port : container.ports.find(({ name }) => name === httpGet.port)?.containerPort
  const probe = (kind: Probe['kind'], of: KubernetesProbe): Probe => ({ kind, path: of.httpGet.path, port: port(of) })
  return {
    name: `${KUBERNETES} ${deployment.metadata.name}`,
    environment: Object.assign({}, ...from, Object.fromEntries(container.env.map(({ name, value }) => [name, value]))) as Record<string, string | null>,
    port: container.ports[0]!.containerPort,
    probes: [
      probe('liveness', container.livenessProbe), probe('liveness', container.startupProbe), probe('readiness', container.readinessProbe)
    ],
    graceSeconds: pod.terminationGracePeriodSeconds,
    disk: undefined
  }
})
