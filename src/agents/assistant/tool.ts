// How a tool of the assistant is made: whoever calls it, it only ever sees input that fits its schema.
import type { Static, TSchema } from '@sinclair/typebox'
import { faultOf } from '../../core/check.ts'
import { AppError } from '../../core/errors.ts'
import type { Json } from '../../core/model.ts'
import type { Tool } from '../../core/ports.ts'

export type ToolContext = Parameters<Tool['run']>[1]

interface Definition<I extends TSchema, O extends Json> {
  name: string
  description: string
  input: I
  /** See Tool. */
  effect?: boolean
  run (input: Static<I>, context: ToolContext): Promise<O>
}

export const tool = <I extends TSchema, O extends Json>({ run, ...definition }: Definition<I, O>) => ({
  ...definition,
  /** @throws AppError `invalid_input`, and what the core throws. */
  async run (input: unknown, context: ToolContext): Promise<O> {
    const fault = await faultOf(definition.input, input)
    if (fault !== undefined) throw new AppError('invalid_input', { message: `The input does not fit ${definition.name}: ${fault}.` })
    return run(input as Static<I>, context)
  }
})
