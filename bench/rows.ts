// The rows of the result: what was measured, against which bar, and how it is printed.
import { median, type SideFigures } from './rounds.ts'

export interface Bar {
  kind: 'at least' | 'at most'
  value: number
}

export interface Row {
  name: string
  unit: string
  /** The figure, one a round; the median counts. */
  rounds: number[]
  bar: Bar | undefined
  ours?: SideFigures
  bare?: SideFigures
  /** The two figures behind a quotient that is not one of requests, and their unit. */
  of?: { ours: number, bare: number, unit: string }
}

export const atLeast = (value: number): Bar => ({ kind: 'at least', value })
export const atMost = (value: number): Bar => ({ kind: 'at most', value })

export const verdict = ({ rounds, bar }: Row): 'PASS' | 'MISS' | '' => {
  if (bar === undefined) return ''
  const figure = median(rounds)
  return (bar.kind === 'at least' ? figure >= bar.value : figure <= bar.value) ? 'PASS' : 'MISS'
}

const COLUMNS = ['case', 'figure', 'rounds, lowest to highest', 'bar', 'verdict', 'ours', 'bare']

/** The table as Markdown. */
export const table = (rows: Row[]): string => {
  const cells = [COLUMNS, COLUMNS.map(() => '---'), ...rows.map(cellsOf)]
  return cells.map((line) => `| ${line.join(' | ')} |`).join('\n')
}

const cellsOf = (row: Row): string[] => {
  const { name, unit, rounds, bar, ours, bare, of } = row
  return [
    name,
    `${figure(median(rounds))} ${unit}`,
    rounds.length > 1 ? `${figure(Math.min(...rounds))} to ${figure(Math.max(...rounds))}` : 'one',
    bar === undefined ? 'none' : `${bar.kind} ${figure(bar.value)}`,
    verdict(row),
    sideText(ours, of && `${figure(of.ours)} ${of.unit}`),
    sideText(bare, of && `${figure(of.bare)} ${of.unit}`)
  ]
}

const sideText = (side: SideFigures | undefined, otherwise = ''): string => side === undefined
  ? otherwise
  : `${figure(side.perSecond)}/s, p99 ${figure(side.p99Ms)} ms, ${figure(side.cpuUs)} µs CPU each`

const figure = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value >= 10 ? value.toFixed(1) : value.toFixed(2)
