// The command behind `npm run doctor`: asks every integration how it is, beside a running service or without one.
import { parseArgs } from 'node:util'
import { aboutOf } from '../plugins/doctor.ts'
import { createBreakers, createUpstreams, isConfigured } from '../plugins/upstreams.ts'
import packageJson from '../package.json' with { type: 'json' }
import { ConfigError, integrationFacts, loadConfig, readDotenv, secretValues } from '../src/config/index.ts'
import { systemClock as clock } from '../src/core/clock.ts'
import { createDoctor } from '../src/core/doctor.ts'
import { renderDoctor } from '../src/core/doctor-text.ts'
import { silentLogger as log } from '../src/core/log.ts'
import { Probes } from '../src/core/probes.ts'
import { systemRandom as random } from '../src/core/random.ts'
import { createScrubber } from '../src/core/scrubber.ts'
import { inspectPostgres, inspectSqliteFile } from '../src/store/index.ts'

const HELP = `Usage: npm run doctor [-- --json]

Asks every configured integration how it is and says what to do about it. Secrets are masked.
The exit code is 1 when something that is configured does not work, or when the configuration is not valid.
`

/** Answers the exit code. */
const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const environment = process.env['NODE_ENV'] === 'production' ? process.env : { ...readDotenv('.env'), ...process.env }
  const { config, warnings, origins } = loadConfig(environment)
  // The real upstreams alone: the sandbox runs with the service, and GET /doctor asks it there.
  const breakers = createBreakers(config, (name) => isConfigured(config, name), { clock, log })
  const upstreams = await createUpstreams({ config, sandbox: undefined, breakers, clock, random, log })
  try {
    const probes = new Probes({ upstreams: upstreams.list, breakers, clock, random, log, scrub: createScrubber(secretValues(config)), intervalMs: 0 })
    const report = await createDoctor({
      about: aboutOf(config, config.sandbox.upstreams, warnings, packageJson.version),
      integrations: integrationFacts(config, origins),
      breakers,
      probes,
      store: async () => config.store.databaseUrl === undefined ? inspectSqliteFile(config.store.path) : inspectPostgres(config.store.databaseUrl),
      clock
    }).examine()
    const { at, ...rest } = report
    process.stdout.write(values.json ? `${JSON.stringify({ ...rest, timestamp: new Date(at).toISOString() }, null, 2)}\n` : renderDoctor(report))
    return report.ok ? 0 : 1
  } finally {
    await upstreams.close()
  }
}

main().then((code) => { process.exitCode = code }, (error: unknown) => {
  const isUsers = error instanceof ConfigError || (error as { code?: unknown }).code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
  process.stderr.write(isUsers ? `${(error as Error).message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
})
