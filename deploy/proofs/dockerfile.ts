// Reads the Dockerfile: the instructions that it uses, and no others.

export interface Instruction {
  keyword: string
  flags: Readonly<Record<string, string>>
  /** The arguments as words: of the JSON form, or split at blanks. For RUN and HEALTHCHECK in the shell form one word. */
  words: readonly string[]
  /** Written as JSON: run without a shell, so that signals arrive. */
  exec: boolean
}

export interface Stage {
  name: string
  image: string
  instructions: readonly Instruction[]
}

const KNOWN = ['COPY', 'CMD', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'RUN', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']

/** @throws Error about an instruction that is not known here: the rehearsal would leave it out. */
export const parseDockerfile = (text: string): Stage[] => {
  const stages: Array<Stage & { instructions: Instruction[] }> = []
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, keyword = '', rest = ''] = /^([A-Z]+) +(.+)$/.exec(line) ?? []
    if (keyword === 'FROM') {
      const [image = '', , name = String(stages.length)] = rest.split(/ +/)
      stages.push({ name, image, instructions: [] })
      continue
    }
    const stage = stages.at(-1)
    if (stage === undefined || !KNOWN.includes(keyword)) throw new Error(`Dockerfile: not understood: ${line}`)
    stage.instructions.push(instruction(keyword, rest))
  }
  return stages
}

const instruction = (keyword: string, rest: string): Instruction => {
  const flags: Record<string, string> = {}
  const text = rest.replace(/^(?:--[a-z-]+=\S+ +)+/, (found) => {
    for (const [, name, value] of found.matchAll(/--([a-z-]+)=(\S+)/g)) flags[name!] = value!
    return ''
  })
  // HEALTHCHECK CMD is a command inside of an instruction.
  const command = keyword === 'HEALTHCHECK' ? text.replace(/^CMD +/, '') : text
  const exec = command.startsWith('[')
  const words = exec ? JSON.parse(command) as string[] : ['RUN', 'HEALTHCHECK', 'CMD'].includes(keyword) ? [command] : command.split(/ +/)
  return { keyword, flags, words, exec }
}

/** The instructions of a keyword in a stage. */
export const ofKeyword = ({ instructions }: Stage, keyword: string): Instruction[] => instructions.filter((one) => one.keyword === keyword)

/** What ENV sets in a stage. */
export const environmentOf = (stage: Stage): Record<string, string> =>
  Object.fromEntries(ofKeyword(stage, 'ENV').flatMap(({ words }) => words.map((word) => word.split('=', 2) as [string, string])))
