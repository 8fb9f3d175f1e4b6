// Schedules over HTTP: what is refused, and changes that come at once.
import t from 'tap'
import { buildTestApp } from './helpers/app.ts'

const make = async (t: Parameters<typeof buildTestApp>[0]) => {
  const { app } = await buildTestApp(t)
  const send = async (method: 'POST' | 'PATCH' | 'GET', url: string, payload?: object) => {
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    return { status: answer.statusCode, headers: answer.headers, body: answer.json<Record<string, unknown>>() }
  }
  return { app, send }
}

t.test('changes at the same time all count', async (t) => {
  const { send } = await make(t)
  for (let round = 0; round < 20; round++) {
    const id = `both-${round}`
    t.equal((await send('POST', '/schedules', { id, agent: 'watchdog', cron: '0 4 1 1 *' })).status, 201)
    const changes = [{ paused: true }, { cron: '0 5 1 1 *' }, { input: { a: 1 } }]
    for (const { status } of await Promise.all(changes.map((change) => send('PATCH', `/schedules/${id}`, change)))) t.equal(status, 200)
    t.match((await send('GET', `/schedules/${id}`)).body, { paused: true, cron: '0 5 1 1 *', input: { a: 1 } })
  }
})

t.test('input that the agent would refuse is refused when the schedule is made or changed', async (t) => {
  const { send } = await make(t)
  const made = await send('POST', '/schedules', { id: 'bad', agent: 'watchdog', cron: '* * * * *', input: 'text' })
  t.match(made, { status: 400, body: { code: 'invalid_input' } })
  t.match(await send('PATCH', '/schedules/watchdog', { input: 'text' }), { status: 400, body: { code: 'invalid_input' } })
})

t.test('a cron line has five or six fields and names an instant to come', async (t) => {
  const { send } = await make(t)
  for (const cron of ['2020-01-01T00:00:00', '0 0 30 2 *', '0 0 0 1 1 * 2020', '61 * * * *', '@annually__']) {
    t.match(await send('POST', '/schedules', { id: 'odd', agent: 'watchdog', cron }), { status: 400, body: { code: 'invalid_schedule' } }, cron)
    t.match(await send('PATCH', '/schedules/watchdog', { cron }), { status: 400, body: { code: 'invalid_schedule' } }, cron)
  }
  t.match((await send('GET', '/schedules/watchdog')).body, { cron: '* * * * *', paused: false })
})

t.test('Location is what this caller can reach', async (t) => {
  const { send } = await make(t)
  t.equal((await send('POST', '/api/schedules', { id: 'a', agent: 'watchdog', cron: '0 4 * * *' })).headers['location'], '/api/schedules/a')
  t.equal((await send('POST', '/schedules', { id: 'b', agent: 'watchdog', cron: '0 4 * * *' })).headers['location'], '/schedules/b')
  t.match((await send('POST', '/api/agents/watchdog/run')).headers['location'], /^\/api\/jobs\//)
})
