// The door of the configuration: load it once, hand it on.
export { loadConfig, readDotenv, ConfigError, type Loaded } from './load.ts'
export { redactedKeys, secretValues, type Config, type UpstreamName } from './config.ts'
export { integrationFacts } from './integrations.ts'
