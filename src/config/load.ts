// From the environment to the configuration: profiles, aliases, defaults, and every fault at once.
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import ajvFormats from 'ajv-formats'
import { envSchema } from 'env-schema'
import { toConfig, type Config } from './config.ts'
import { formats } from './formats.ts'
import { allowedValues, ANNOTATIONS, Environment, PROFILES, settings, type Profile, type Setting, type Values } from './settings.ts'
