// What a module of `npm run bench:agents` answers: a part of the report on one agent.

export interface Section {
  /** The agent's name. */
  title: string
  /** What was measured and how to read it: a paragraph each. */
  text: string[]
  tables: Array<{ columns: string[], rows: string[][] }>
}

export const printed = ({ title, text, tables }: Section): string => [
  `## ${title}`,
  ...text,
  ...tables.map(({ columns, rows }) => [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n'))
].join('\n\n')
