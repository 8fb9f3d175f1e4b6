// What a module of `npm run bench:agents` answers: a part of the report on one agent.

export interface Section {
  /** The agent's name. */
  title: string
  /** What was measured and how to read it: a paragraph each. */
  text: string[]
  tables: Array<{ columns: string[], rows: string[][] }>
}

/** A figure, and the bar that it is held against where there is one. */
export interface Measure {
  case: string
  figure: string
  bar: string
  verdict: 'PASS' | 'MISS' | ''
  note: string
}

export const sectionOf = (title: string, text: string[], measures: Measure[]): Section => ({
  title,
  text,
  tables: [{
    columns: ['case', 'figure', 'bar', 'verdict', 'note'],
    rows: measures.map(({ case: what, figure, bar, verdict, note }) => [what, figure, bar, verdict, note])
  }]
})

export const printed = ({ title, text, tables }: Section): string => [
  `## ${title}`,
  ...text,
  ...tables.map(({ columns, rows }) => [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n'))
].join('\n\n')
