// Who decides, as records name them.

/** A caller who gave no name. */
export const ANONYMOUS = 'api'

/** What a policy decides by itself. */
export const policyActor = (version: number): string => `policy:${version}`
export const isPolicyActor = (actor: string): boolean => actor.startsWith('policy:')

/** The name in a job's source: `api:anna` was asked for by anna; null for schedules, events, and callers without a name. */
export const requesterOf = (source: string): string | null => source.startsWith('api:') ? source.slice(4) : null

/** `Anna` and `anna ` are one person. */
const plain = (actor: string): string => actor.trim().replaceAll(/\s+/g, ' ').toLowerCase()
export const isSameActor = (a: string, b: string | null): boolean => b !== null && plain(a) === plain(b)
export const distinctPeople = (actors: string[]): string[] => actors.filter((actor, index) => actors.findIndex((one) => isSameActor(one, actor)) === index)
