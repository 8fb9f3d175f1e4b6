// The command behind `npm run restore`: puts a backup in its place, after looking at it.
import { loadTransfer, TransferError } from '../src/store/index.ts'
import { command, storeOf } from './command.ts'

const HELP = `Usage: npm run restore -- --from FILE [--replace]

Puts the backup FILE back: into the file in DATA_DIR, or with DATABASE_URL by pg_restore into the schema of the same name. Stop the service first.
A damaged backup is refused. Where a store is already, --replace keeps it under another name.
`

await command(HELP, { from: { type: 'string' }, replace: { type: 'boolean', default: false } }, async ({ from, replace }, config, say) => {
  if (from === undefined) throw new TransferError('Which one? Say --from FILE.')
  const { restoreStore } = await loadTransfer()
  const restored = await restoreStore({ from, to: storeOf(config), replace: replace === true })
  const { tables, rows, sessions, messages, ledger_entries: entries, kept, compared } = restored
  if (kept !== undefined) say(`what was there is kept: ${kept}`)
  if (!compared) say(`there is no ${from}.json: nothing to compare the rows with`)
  say(`restored and checked: ${tables} tables, ${rows} rows, ${sessions} sessions, ${messages} messages, record of effects whole with ${entries} entries`)
})
