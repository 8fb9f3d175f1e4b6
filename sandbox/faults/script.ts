// A script of faults: a list of {at_ms, ...fault}, each set at its time after the start.
import { readFile } from 'node:fs/promises'
import { isObject } from '../http.ts'
import { parseFault, type Fault } from './kinds.ts'

/** The faults of the file, each with its time as `after_ms`. @throws Error that names the line of the list and what is wrong. */
export const readScript = async (path: string): Promise<Fault[]> => {
  let list: unknown
  try {
    list = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (!Array.isArray(list)) throw new Error(`${path}: a script is a list of faults`)
  return await Promise.all(list.map(async (entry: unknown, index) => {
    try {
      if (!isObject(entry)) throw new Error('a fault is a JSON object with at_ms, upstream and kind')
      const { at_ms: at, ...fault } = entry
      if (!Number.isInteger(at) || Number(at) < 0) throw new Error('at_ms is a whole number of milliseconds from 0')
      return await parseFault({ ...fault, after_ms: at })
    } catch (error) {
      throw new Error(`${path}, entry ${index + 1}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }))
}
