// The old service named its faults in exact words and in a fixed order: the schema decides, these rules choose the words.
import { AppError } from '../src/core/errors.ts'

export interface ContractRule {
  broken (body: Record<string, unknown>): boolean
  error: string
}

export const NO_JSON = 'No JSON data provided'

/** The fault of the first broken rule; undefined when the schema refused the body for a reason that the contract does not name. */
export const contractFault = (rules: ContractRule[], body: unknown): AppError | undefined => {
  const rule = rules.find(({ broken }) => broken(body as Record<string, unknown>))
  return rule === undefined ? undefined : new AppError('validation_failed', { title: rule.error, message: `${rule.error}.` })
}

export const isObject = (body: unknown): boolean => typeof body === 'object' && body !== null && !Array.isArray(body)

export const isMissing = (body: Record<string, unknown>, key: string): boolean =>
  body[key] === undefined || body[key] === null || body[key] === ''

export const isBlank = (value: unknown): boolean => typeof value === 'string' && !/\S/.test(value)
