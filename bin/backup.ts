// The command behind `npm run backup`: saves the store to a file, with what proves it whole beside it.
import { loadTransfer, StoreLockedError, TransferError } from '../src/store/index.ts'
import { command, storeOf } from './command.ts'

const HELP = `Usage: npm run backup -- --to FILE

Saves the whole store to FILE, and to FILE.json what proves it whole: counts, a SHA-256 of the file and one of all rows.
With DATABASE_URL: by pg_dump, beside the running service. Without: the file in DATA_DIR, with the service stopped; a running one
saves itself where BACKUP_DIR says.
`

await command(HELP, { to: { type: 'string' } }, async ({ to }, config, say) => {
  if (to === undefined) throw new TransferError('Where to? Say --to FILE.')
  const { backupStore } = await loadTransfer()
  try {
    const { bytes, tables, rows, rows_sha256: hash } = await backupStore({ from: storeOf(config), to })
    say(`saved and checked: ${to}, ${bytes} bytes, ${tables} tables, ${rows} rows, sha256 of the rows ${hash}`)
  } catch (error) {
    if (!(error instanceof StoreLockedError)) throw error
    throw new TransferError(`${error.message} While the service runs, it saves itself: set BACKUP_DIR.`, error)
  }
})
