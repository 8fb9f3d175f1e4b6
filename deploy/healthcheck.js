// The health check of the image: asks /healthz of this container as the settings say where it listens; exit code 0 when it answers 200.
const { HOST: host = '0.0.0.0', PORT: port = '10000' } = process.env
const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host)
const TIMEOUT_MS = 4_000

fetch(`http://${address}:${port}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) }).then(({ status }) => {
  process.exitCode = status === 200 ? 0 : 1
}, (error) => {
  console.error(error.cause?.message ?? error.message)
  process.exitCode = 1
})
