// The command behind `npm run migrate-store`: copies the store from one engine to the other.
import { loadTransfer, TransferError } from '../src/store/index.ts'
import { command, fileOf } from './command.ts'

const HELP = `Usage: npm run migrate-store [-- --from STORE] [--to STORE]

Copies a whole store, from SQLite to PostgreSQL or back, and compares both at the end. STORE is the path of an SQLite file or a postgres:// URL.
Default: from DATA_DIR/orchestrator.sqlite to DATABASE_URL. Stop the service first. The source stays as it is; the target must be empty.
Interrupted, the same command goes on where it stopped. A password in an argument is seen by others on the machine: better set DATABASE_URL.
`

await command(HELP, { from: { type: 'string' }, to: { type: 'string' } }, async ({ from, to }, config, say) => {
  const { copyStore } = await loadTransfer()
  const source = from ?? fileOf(config)
  const target = to ?? config.store.databaseUrl
  if (target === undefined) throw new TransferError('Where to? Set DATABASE_URL, or say --to.')
  const { tables, rows, copied, seconds, hash } = await copyStore({ from: source, to: target, report: say })
  say(`copied and compared: ${tables} tables, ${rows} rows (${copied} in this run), ${seconds.toFixed(1)} s, sha256 ${hash}`)
})
