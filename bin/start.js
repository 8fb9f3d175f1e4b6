// The command behind `npm start`: says what to do on a Node that is too old, else starts the server.
// Plain old JavaScript on purpose: Node 12 must be able to parse this file to print the message. No static import, no top-level await.

const NEEDED = [22, 19]

/** True when `version` ('22.19.0') is at least NEEDED. */
function isRecent (version) {
  const parts = version.split('.').map(Number)
  return parts[0] > NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] >= NEEDED[1])
}

function refuse (problem) {
  console.error([
    problem,
    '',
    'What to do, either of:',
    '  - npm ci && npm start   uses the Node 24 that package.json pins, whatever Node the machine has;',
    '  - install Node 24       from https://nodejs.org, then: npm start',
    '',
    'The pinned Node is missing after `npm ci --omit=dev` (it is a devDependency) and after `npm ci --ignore-scripts`',
    '(its install script fetches the program), and it is not used when this file is run by another node than that of npm.'
  ].join('\n'))
  process.exitCode = 1
}

async function start () {
  const node = process.versions.node
  if (!isRecent(node)) {
    refuse('Royal Equips Orchestrator needs Node ' + NEEDED.join('.') + ' or later (it is tested on 24); this is Node ' + node + '.')
    return
  }
  const fs = await import('node:fs')
  const source = new URL('../src/server.ts', import.meta.url)
  const built = new URL('../dist/src/server.js', import.meta.url)

  // A checkout has sources and perhaps a stale dist; an image has dist alone.
  const entry = fs.existsSync(source) && !process.argv.includes('--dist') ? source : built
  if (!fs.existsSync(entry)) {
    console.error('There is no ' + entry.pathname + ': run `npm run build` first.')
    process.exitCode = 1
    return
  }
  // Node 23.0 to 23.5 and a Node run with --no-strip-types pass the version check, but cannot read the sources.
  if (entry === source && !process.features.typescript) {
    refuse('This Node ' + node + ' does not run TypeScript (process.features.typescript is ' + process.features.typescript + ').')
    return
  }
  await enableCompileCache()
  await import(entry.href)
}

/** Keeps compiled code for the next start: in the project, not in the shared temporary directory. Does without where it cannot write. */
async function enableCompileCache () {
  const { enableCompileCache } = await import('node:module')
  const { fileURLToPath } = await import('node:url')
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)))
}

start()
