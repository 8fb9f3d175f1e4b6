// Sessions and their replies: one at a time, in order, stopped only by those who may, and stored as they were said.
import t from 'tap'
import { sayer } from './helpers/app.ts'
import { faultsOf, isDone, openStream, textOf, type Frame } from './helpers/event-source.ts'
import { FakeClock } from './helpers/fake-clock.ts'
import { setup, wholeStream } from './helpers/conversation.ts'
import { createPuppet } from './helpers/puppet.ts'
import type { Said } from './helpers/talk.ts'

const ofReply = (frames: Frame[], reply: Said): Frame[] => frames.filter((frame) => frame.data['message_id'] === reply.id)
const saying = (content: string) => (frame: Frame): boolean => frame.data['content'] === content
const contents = (messages: Said[]): string[] => messages.map((message) => message.content)

t.test('a reply is stored as the answer to its message, equal to its deltas', async (t) => {
  const { talk } = await setup(t, { assistant: sayer('All ', 'is ', 'well.') })
  const session = await talk.open()
  const job = await talk.ask(session, '  How are you?  ')
  t.match(await talk.ended(job), { status: 'succeeded', output: { characters: 12 } })
  const [question, reply] = await talk.messages(session) as [Said, Said]
  t.match(question, { role: 'user', content: '  How are you?  ', job_id: job, reply_to: null })
  t.match(reply, { role: 'assistant', content: 'All is well.', job_id: job, reply_to: question.id, status: 'complete' })
  const frames = await wholeStream(talk, session)
  t.same(faultsOf(frames, reply.content, 1), [])
  t.ok(frames.every((frame) => frame.data['message_id'] === reply.id && frame.data['session_id'] === session))
  t.match(frames.at(-1)!.data, { type: 'done', status: 'complete' })
})

t.test('an assistant message is only stored', async (t) => {
  const { talk } = await setup(t, { assistant: sayer('never') })
  const session = await talk.open()
  const { body } = await talk.send('POST', '/agents/message', { session_id: session, role: 'assistant', content: 'imported' })
  t.equal(body['job_id'], null)
  t.same(contents(await talk.messages(session)), ['imported'])
  t.equal((await talk.send('GET', `/jobs?session_id=${session}`)).body['total'], 0)
})

t.test('cancel: seen by the assistant at once, and what was said is kept', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  const job = await talk.ask(session)
  const waiting = await talk.ask(session, 'behind it')
  const call = await puppet.call(0)
  const whole = openStream(talk.stream(session), { lastEventId: '0' })
  call.say('half a ')
  await whole.until(saying('half a '))
  const stream = openStream(talk.stream(session), { lastEventId: '1' })
  call.say('sentence')
  await stream.until(saying('sentence'))
  const { status, body } = await talk.cancel(session)
  t.equal(call.signal.aborted, true, 'the assistant knew before the caller had the answer')
  t.equal(status, 202)
  t.same(body['cancelled'], [{ job_id: job, running: true }, { job_id: waiting, running: false }])
  const done = await stream.until(isDone)
  t.match(done.data, { status: 'cancelled', reason: 'cancelled', message_id: stream.frames[0]!.data['message_id'] },
    'a reader in the middle of a reply gets the end of that one')
  t.match(await talk.ended(job), { status: 'cancelled', reason: 'cancelled' })
  t.match(await talk.ended(waiting), { status: 'cancelled' })
  const [reply] = await talk.replies(session)
  t.match(reply, { content: 'half a sentence', status: 'interrupted', job_id: job })
  t.equal(textOf(ofReply(await wholeStream(talk, session), reply!)), 'half a sentence')
  t.equal(puppet.calls.length, 1, 'what waited behind it never ran')
  t.same((await talk.cancel(session)).body['cancelled'], [], 'nothing is left to cancel')
  t.equal((await talk.cancel('00000000-0000-7000-8000-000000000000')).status, 404)
})

t.test('the way of a cancel to the assistant takes less than 100 ms', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant })
  const took: number[] = []
  for (const n of [0, 1, 2, 3, 4]) {
    const session = await talk.open()
    await talk.ask(session)
    const call = await puppet.call(n)
    const asked = performance.now()
    await talk.cancel(session)
    took.push(call.abortedAt! - asked)
  }
  // The median: the machine may be busy with something else for a moment.
  const median = took.sort((a, b) => a - b)[2]!
  t.ok(median < 100, `${median.toFixed(1)} ms`)
})

t.test('cancel of an assistant that does not listen: given up after its grace', async (t) => {
  const puppet = createPuppet({ deaf: true })
  const clock = new FakeClock(Date.UTC(2026, 10, 23))
  const { talk } = await setup(t, { assistant: puppet.assistant, clock })
  const session = await talk.open()
  await talk.ask(session)
  const call = await puppet.call(0)
  const stream = openStream(talk.stream(session))
  call.say('something')
  await stream.until(saying('something'))
  await talk.cancel(session)
  await clock.advance(5_000)
  t.match((await stream.until(isDone)).data, { status: 'cancelled' })
  call.say(' too late')
  call.finish()
  await clock.advance(1_000)
  t.match(await talk.replies(session), [{ content: 'something', status: 'interrupted' }])
})

t.test('a cancelled reply that is retried is said anew, and stored once', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant })
  const session = await talk.open()
  const job = await talk.ask(session)
  const first = await puppet.call(0)
  const stream = openStream(talk.stream(session))
  first.say('partial')
  await stream.until(saying('partial'))
  await talk.cancel(session)
  await stream.until(isDone)
  t.equal((await talk.send('POST', `/jobs/${job}/retry`)).status, 202)
  const second = await puppet.call(1)
  second.say('whole')
  second.finish()
  t.match(await talk.ended(job), { status: 'succeeded' })
  const replies = await talk.replies(session)
  t.equal(replies.length, 1)
  t.match(replies[0], { status: 'complete', content: /whole$/ })
  t.equal(textOf(await wholeStream(talk, session)), replies[0]!.content)
  t.equal((await talk.send('GET', `/agents/session/${session}`)).body['message_count'], 2)
})

t.test('multitask_strategy reject, interrupt, rollback, enqueue', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant })

  t.test('reject: 409 while a reply is under way, else taken', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const job = await talk.ask(session, 'one', 'reject')
    const call = await puppet.call(index)
    const refused = await talk.post(session, 'two', 'reject')
    t.equal(refused.status, 409)
    t.equal(refused.body['code'], 'session_busy')
    t.ok(Number(refused.headers.get('retry-after')) >= 1)
    t.equal(call.signal.aborted, false)
    call.say('x')
    call.finish()
    await talk.ended(job)
    t.same(contents(await talk.messages(session)), ['one', 'x'], 'the refused message is not stored')
    const next = await talk.ask(session, 'three', 'reject')
    ;(await puppet.call(index + 1)).fail('stop')
    await talk.cancel(session)
    await talk.ended(next)
  })

  t.test('interrupt: the reply is stopped and what it said is kept', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const stopped = await talk.ask(session, 'one')
    const call = await puppet.call(index)
    const stream = openStream(talk.stream(session))
    call.say('begun')
    await stream.until(saying('begun'))
    const queued = await talk.ask(session, 'two')
    const last = await talk.ask(session, 'three', 'interrupt')
    const newest = openStream(talk.stream(session))
    t.match((await stream.until(isDone)).data, { status: 'cancelled', reason: 'interrupt' })
    const next = await puppet.call(index + 1)
    t.same(next.messages.map((message) => message.content), ['one', 'begun', 'two', 'three'])
    next.say('answer')
    next.finish()
    t.match(await talk.ended(last), { status: 'succeeded' })
    for (const job of [stopped, queued]) t.match(await talk.ended(job), { status: 'cancelled', reason: 'interrupt' })
    t.match(await talk.messages(session), [
      { content: 'one' }, { content: 'two' }, { content: 'three' },
      { content: 'begun', status: 'interrupted' }, { content: 'answer', status: 'complete' }
    ])
    await newest.closed
    t.equal(textOf(newest.frames), 'answer')
  })

  t.test('rollback: the exchange never happened', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const job = await talk.ask(session, 'kept')
    const kept = await puppet.call(index)
    kept.say('this too')
    kept.finish()
    await talk.ended(job)
    const undone = await talk.ask(session, 'undone')
    const call = await puppet.call(index + 1)
    const stream = openStream(talk.stream(session))
    call.say('gone')
    await stream.until(saying('gone'))
    const last = await talk.ask(session, 'instead', 'rollback')
    t.match((await stream.until(isDone)).data, { status: 'cancelled', reason: 'rollback' })
    const next = await puppet.call(index + 2)
    t.same(next.messages.map((message) => message.content), ['kept', 'this too', 'instead'])
    next.say('answer')
    next.finish()
    await talk.ended(last)
    t.match(await talk.ended(undone), { status: 'cancelled', reason: 'rollback' })
    t.same(contents(await talk.messages(session)), ['kept', 'this too', 'instead', 'answer'])
    t.equal((await talk.send('GET', `/agents/session/${session}`)).body['message_count'], 4)
  })

  t.test('enqueue: each message is answered after the one before it, and knows the answers', async (t) => {
    const session = await talk.open()
    const index = puppet.calls.length
    const jobs = [await talk.ask(session, 'q0'), await talk.ask(session, 'q1'), await talk.ask(session, 'q2')]
    const known = [['q0'], ['q0', 'a0', 'q1'], ['q0', 'a0', 'q1', 'a1', 'q2']]
    for (const [n, messages] of known.entries()) {
      const call = await puppet.call(index + n)
      t.same(call.messages.map((message) => message.content), messages)
      t.equal(puppet.calls.length, index + n + 1, 'one reply at a time')
      call.say(`a${n}`)
      call.finish()
      await talk.ended(jobs[n]!)
    }
  })
})

t.test('a reply that ends in the moment of its rollback', async (t) => {
  // The cancel is committed just before the end of the run, which has not heard of it.
  let meddle: (() => Promise<unknown>) | undefined
  const { talk } = await setup(t, {
    assistant: sayer('said'),
    wrapStore: (store) => ({
      ...store,
      async settle (args) {
        const first = meddle
        meddle = undefined
        await first?.()
        return store.settle(args)
      }
    })
  })
  const session = await talk.open()
  let last = ''
  meddle = async () => { last = await talk.ask(session, 'instead', 'rollback') }
  const undone = await talk.ask(session, 'undone')
  t.match(await talk.ended(undone), { status: 'cancelled', reason: 'rollback' })
  await talk.ended(last)
  t.same(contents(await talk.messages(session)), ['instead', 'said'])
  const ends = (await wholeStream(talk, session)).filter(isDone)
  t.match(ends.map((frame) => frame.data), [{ status: 'cancelled', reason: 'rollback' }, { status: 'complete' }],
    'the stream says the same')
})

t.test('20 posts at once in one session', async (t) => {
  let running = 0
  let most = 0
  const order: string[] = []
  const assistant = (): ReturnType<ReturnType<typeof sayer>> => ({
    name: 'echo',
    async * respond ({ question: { content: question } }, { signal }) {
      running += 1
      most = Math.max(most, running)
      try {
        order.push(question)
        for (const piece of ['re: ', question]) {
          await new Promise((resolve) => { setImmediate(resolve) })
          if (signal.aborted) return
          yield piece
        }
      } finally {
        running -= 1
      }
    }
  })
  const { talk } = await setup(t, { assistant })

  for (const strategy of ['enqueue', 'reject', 'interrupt', 'rollback']) {
    t.test(strategy, async (t) => {
      const session = await talk.open()
      order.length = 0
      most = 0
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => talk.post(session, `m${n}`, strategy)))
      const taken = answers.filter(({ status }) => status === 200)
      const refused = answers.filter(({ status }) => status === 409)
      t.equal(taken.length + refused.length, 20)
      if (strategy !== 'reject') t.equal(taken.length, 20)
      const jobs = await Promise.all(taken.map(({ body }) => talk.ended(body['job_id'] as string)))
      t.ok(jobs.every((job) => job['status'] === 'succeeded' || job['status'] === 'cancelled'))
      t.equal(most, 1, 'one reply at a time')

      const messages = await talk.messages(session)
      const questions = messages.filter(({ role }) => role === 'user')
      const replies = messages.filter(({ role }) => role === 'assistant')
      const frames = await wholeStream(talk, session)
      t.same(frames.map((frame) => frame.id), frames.map((_, index) => index + 1))
      for (const reply of replies) {
        const question = questions.find(({ id }) => id === reply.reply_to)!.content
        t.equal(textOf(ofReply(frames, reply)), reply.content)
        t.ok(`re: ${question}`.startsWith(reply.content), 'the answer to its own question')
        t.equal(reply.status, reply.content === `re: ${question}` ? 'complete' : 'interrupted')
      }
      t.equal(new Set(replies.map(({ reply_to: question }) => question)).size, replies.length, 'no question is answered twice')
      t.equal((await talk.send('GET', `/agents/session/${session}`)).body['message_count'], messages.length)
      const finals = frames.filter(isDone)
      t.equal(finals.length, taken.length, 'each job has one end')
      // Ids of jobs sort by the order in which the messages were stored.
      const sent = answers.map(({ body }, n) => ({ job: body['job_id'] as string, content: `m${n}` }))
      const inOrder = sent.sort((a, b) => a.job < b.job ? -1 : 1).map(({ content }) => content)
      t.same(order, inOrder.filter((content) => order.includes(content)), 'in the order of the messages')
      switch (strategy) {
        case 'enqueue': t.same(contents(replies), contents(questions).map((content) => `re: ${content}`)); break
        case 'reject': t.equal(replies.length, taken.length); break
        // The last one wins; every other one was stopped by a later one.
        case 'interrupt':
          t.equal(questions.length, 20)
          t.equal(replies.at(-1)!.content, `re: ${questions.at(-1)!.content}`)
          break
        case 'rollback':
          t.equal(messages.length, 2)
          t.equal(replies[0]!.reply_to, questions[0]!.id)
      }
    })
  }
})

t.test('more than may wait: 429 with Retry-After', async (t) => {
  const puppet = createPuppet()
  const { talk } = await setup(t, { assistant: puppet.assistant }, { MAX_QUEUED_PER_SESSION: '3' })
  const session = await talk.open()
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => talk.post(session, `m${n}`)))
  t.same(answers.map(({ status }) => status).sort(), [200, 200, 200, 429, 429, 429, 429, 429])
  const refused = answers.find(({ status }) => status === 429)!
  t.equal(refused.body['code'], 'queue_full')
  t.ok(Number(refused.headers.get('retry-after')) >= 1)
  t.equal((await talk.messages(session)).length, 3, 'what was refused is not stored')
  const other = await talk.open()
  t.equal((await talk.post(other, 'elsewhere')).status, 200, 'other sessions do not care')
  ;(await puppet.call(0)).say('ok')
  puppet.calls[0]!.finish()
  await talk.ended(answers.find(({ status }) => status === 200)!.body['job_id'] as string)
  t.equal((await talk.post(session, 'again')).status, 200, 'there is room again')
  await talk.cancel(session)
  await talk.cancel(other)
})
