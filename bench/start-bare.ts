// Starts the bare server the way bin/start.js starts ours: with the compile cache of the project.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)))
await import('./bare.ts')
