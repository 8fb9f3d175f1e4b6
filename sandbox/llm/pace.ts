// How fast the sandbox's model writes, and whether it writes a text of a set length: for benchmarks and for watching a stream.
import { Type, type Static } from '@sinclair/typebox'
import { faultOf } from '../../src/core/check.ts'

const PaceSchema = Type.Object({
  /** Milliseconds from the request to the first delta. */
  first_ms: Type.Integer({ minimum: 0, maximum: 600_000 }),
  /** Milliseconds between two deltas. */
  every_ms: Type.Integer({ minimum: 0, maximum: 600_000 }),
  /** So many numbered deltas instead of an answer, whatever the question; null: an answer. */
  deltas: Type.Union([Type.Integer({ minimum: 1, maximum: 100_000 }), Type.Null()])
}, { additionalProperties: false })
export type Pace = Static<typeof PaceSchema>

const Change = Type.Partial(PaceSchema, { additionalProperties: false })

/** Quick enough not to wait for, slow enough to be seen as a stream. */
export const DEFAULT_PACE: Pace = { first_ms: 0, every_ms: 5, deltas: null }

/** What a change leaves out goes back to its default. @throws Error that says what is wrong with it. */
export const parsePace = async (value: unknown): Promise<Pace> => {
  const fault = await faultOf(Change, value)
  if (fault !== undefined) throw new Error(fault)
  return { ...DEFAULT_PACE, ...value as Partial<Pace> }
}

/** For one request alone: `x-sandbox-pace: first_ms=200, every_ms=10, deltas=50`. @throws Error as parsePace. */
export const parsePaceHeader = async (text: string): Promise<Pace> =>
  await parsePace(Object.fromEntries(text.split(',').map((part) => {
    const [name = '', value = ''] = part.split('=').map((piece) => piece.trim())
    return [name, /^\d+$/.test(value) ? Number(value) : value]
  })))

/** Pieces as long as a few tokens; together they are the text. */
export const piecesOf = (text: string): string[] => text.match(/[\s\S]{1,16}(?=\s|$)|[\s\S]{1,16}/g) ?? []

export const numberedPieces = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `delta ${index + 1} of ${count}${index + 1 < count ? ', ' : '.'}`)
