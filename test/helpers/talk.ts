// The conversation API as a client uses it: over HTTP, against one origin.
export interface Answer {
  status: number
  headers: Headers
  body: Record<string, any>
}

export interface Said {
  id: string
  role: 'user' | 'assistant'
  content: string
  status: 'complete' | 'interrupted'
  reply_to: string | null
  job_id: string | null
}

export const createTalk = (origin: string) => {
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${origin}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) as Record<string, any> }
  }

  const post = (session: string, content: string, strategy?: string): Promise<Answer> => send('POST', '/agents/message', {
    session_id: session, role: 'user', content, ...(strategy === undefined ? {} : { multitask_strategy: strategy })
  })

  return {
    send,
    post,
    async open (): Promise<string> { return (await send('POST', '/agents/session')).body['session_id'] as string },
    /** Posts a message that must be taken; answers the id of its job. */
    async ask (session: string, content = 'hello', strategy?: string): Promise<string> {
      const { status, body } = await post(session, content, strategy)
      if (status !== 200) throw new Error(`the message was answered with ${status}: ${JSON.stringify(body)}`)
      return body['job_id'] as string
    },
    async messages (session: string): Promise<Said[]> {
      return (await send('GET', `/agents/session/${session}/messages`)).body['messages'] as Said[]
    },
    /** The stored replies, oldest first. */
    async replies (session: string): Promise<Said[]> {
      return (await this.messages(session)).filter((message) => message.role === 'assistant')
    },
    cancel: (session: string): Promise<Answer> => send('POST', `/agents/session/${session}/cancel`),
    /** The job when it has ended. */
    async ended (job: string): Promise<Record<string, any>> { return (await send('GET', `/jobs/${job}?wait=30`)).body },
    stream: (session: string): string => `${origin}/agents/stream?session_id=${session}`
  }
}
