// Ids are UUIDv7: they sort by creation time, so new rows land side by side in the store.
import { v7, validate } from 'uuid'

export const newId = (): string => v7()

export const isId = (value: string): boolean => validate(value)
