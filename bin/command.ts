// What the commands that carry stores about have in common: arguments, configuration, and errors that are for people.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { ConfigError, loadConfig, readDotenv, type Config } from '../src/config/index.ts'
import { errorText } from '../src/core/errors.ts'
import { StoreLockedError, StoreUnusableError, TransferError } from '../src/store/index.ts'

type Values<O extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/** Runs it and sets the exit code: 1 when it threw. Sentences go to the standard output, errors to the other one. */
export const command = async <O extends ParseArgsOptionsConfig>(
  help: string, options: O, run: (values: Values<O>, config: Config, say: (sentence: string) => void) => Promise<void>
): Promise<void> => {
  try {
    if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
      process.stdout.write(help)
      return
    }
    const { values } = parseArgs({ options })
    const environment = process.env['NODE_ENV'] === 'production' ? process.env : { ...readDotenv('.env'), ...process.env }
    await run(values, loadConfig(environment).config, (sentence) => { process.stdout.write(`${sentence}\n`) })
  } catch (error) {
    process.stderr.write(`${isForPeople(error) ? errorText(error) : error instanceof Error ? error.stack : String(error)}\n`)
    process.exitCode = 1
  }
}

/** The file of the embedded store. @throws TransferError where there is none. */
export const fileOf = ({ store }: Config): string => {
  if (store.path === ':memory:') throw new TransferError('The testing profile keeps its store in memory: there is no file.')
  return store.path
}

/** The store that the configuration names. */
export const storeOf = (config: Config): string => config.store.databaseUrl ?? fileOf(config)

/** Faults of the system and of servers have a code and say what is wrong; anything else is a fault of ours, with its stack. */
const isForPeople = (error: unknown): boolean =>
  [ConfigError, StoreLockedError, StoreUnusableError, TransferError].some((kind) => error instanceof kind) ||
  typeof (error as { code?: unknown } | null)?.code === 'string'
