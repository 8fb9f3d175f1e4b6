// The door of the configuration: load it once, hand it on.
export { loadConfig, readDotenv, ConfigError } from './load.ts'
export { redactedKeys, secretValues, type Config } from './config.ts'
