// Checks Kubernetes manifests against the schemas of the Kubernetes API. Those allow unknown keys; here a key that no schema asks for is a fault.
import * as appsV1 from 'kubernetes-models/apps/v1'
import * as autoscalingV2 from 'kubernetes-models/autoscaling/v2'
import * as networkingV1 from 'kubernetes-models/networking.k8s.io/v1'
import * as policyV1 from 'kubernetes-models/policy/v1'
import * as coreV1 from 'kubernetes-models/v1'

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string, [key: string]: unknown }
  [key: string]: unknown
}

const GROUPS: Readonly<Record<string, object>> = {
  v1: coreV1, 'apps/v1': appsV1, 'autoscaling/v2': autoscalingV2, 'networking.k8s.io/v1': networkingV1, 'policy/v1': policyV1
}

interface Model { validate(): void }
type ModelClass = new (data: object) => Model

/** What is wrong with a manifest; empty: nothing. */
export const manifestFaults = (manifest: Manifest): string[] => {
  const { apiVersion, kind, metadata } = manifest
  const name = `${kind} ${metadata?.name}`
  const Kind = (GROUPS[apiVersion] as Record<string, ModelClass> | undefined)?.[kind]
  if (Kind === undefined) return [`${name}: no schema of ${apiVersion} ${kind} is known`]
  const seen = new Set<string>()
  const model = new Kind(manifest)
  try {
    Kind.prototype.validate.call(watched(model, '', seen))
  } catch (error) {
    return [`${name}: ${(error as Error).message}`]
  }
  return unseen(manifest, '', seen).map((path) => `${name}: ${path.slice(1)} is not part of ${apiVersion} ${kind}`)
}

/** Notes which keys are asked for: the compiled schemas ask for each that they know. */
const watched = <T extends object>(value: T, path: string, seen: Set<string>): T => new Proxy(value, {
  get (target, key) {
    const inner: unknown = Reflect.get(target, key)
    if (typeof key !== 'string') return inner
    seen.add(`${path}/${key}`)
    return typeof inner === 'object' && inner !== null ? watched(inner, `${path}/${key}`, seen) : inner
  }
})

const unseen = (value: unknown, path: string, seen: ReadonlySet<string>): string[] => typeof value !== 'object' || value === null
  ? []
  : Object.entries(value).flatMap(([key, inner]) => seen.has(`${path}/${key}`) ? unseen(inner, `${path}/${key}`, seen) : [`${path}/${key}`])
