// What is looked at after a restore, on both engines: the record of effects, and what the store says it holds.
import { systemClock } from '../../core/clock.ts'
import { Effects } from '../../core/effects/effects.ts'
import type { Store } from '../../core/store.ts'
import type { Digest } from './digest.ts'
import type { Manifest } from './manifest.ts'
import { TransferError } from './side.ts'

export interface Verified {
  sessions: number
  messages: number
  /** Entries in the log of effects, whose chain of hashes is whole. */
  ledger_entries: number
}

export interface Restored extends Verified {
  tables: number
  rows: number
  /** What was there before, under its new name; undefined: nothing was. */
  kept: string | undefined
  /** There was a manifest, and it says the same of bytes and rows. */
  compared: boolean
}

/** Opens the store at the address, which brings its schema up to date, and closes it. @throws TransferError when its record is not whole. */
export type Verify = (address: string) => Promise<Verified>

export const verifyWith = (open: (address: string) => Promise<Store>): Verify => async (address) => {
  const store = await open(address)
  try {
    const ledger = await new Effects({ store, gate: undefined, clock: systemClock }).verify()
    if (!ledger.ok) throw new TransferError(`The record of effects is not whole: entry ${ledger.fault?.seq ?? '?'}: ${ledger.fault?.message ?? ''}`)
    const { sessions, messages } = await store.stats()
    return { sessions, messages, ledger_entries: ledger.entries }
  } finally {
    await store.close()
  }
}

export const differenceOfTotals = (manifest: Manifest, { tables, rows, hash }: Digest): string | undefined => {
  if (manifest.tables !== tables.length) return `it has ${tables.length} tables instead of ${manifest.tables}`
  if (manifest.rows !== rows) return `it has ${rows} rows instead of ${manifest.rows}`
  return manifest.rows_sha256 === hash ? undefined : 'as many rows, but not the same ones'
}
