// What the drivers of Node clients share; the same lines go to and fro as in driver.py.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export const STAGE = JSON.parse((await lines.next()).value);

// An environment's packages, whose folder is not above this file.
export const load = createRequire(`${process.env.PEER_HOME}/package.json`);

// Clients may log: what they say must not come between the lines of JSON.
console.log = console.info = console.error;

export async function say(method, endpoint, outcome) {
  process.stdout.write(`${JSON.stringify({ method, endpoint: `/cgi-bin/${endpoint}`, ...outcome })}\n`);
  if ((await lines.next()).done) process.exit(1);
}

// Calls *work*, which is meant to reach *endpoint*, and tells; gives its answer, or {} where it failed.
export async function call(method, endpoint, work) {
  let answer;
  try {
    answer = await work();
  } catch (error) {
    await say(method, endpoint, { error: `${error.name}: ${error.message}` });
    return {};
  }
  await say(method, endpoint, { answer });
  return answer;
}

// Has the people of the sandbox do something.
export async function act(command, args) {
  const response = await fetch(`${STAGE.base_url}/_sandbox/${command}`, { method: 'POST', body: JSON.stringify(args ?? {}) });
  return (await response.json()).result;
}

// Receives one callback of the sandbox over HTTP. *work* gets the request's method, url, query, body and where to put
// the event, and gives the text to answer.
export async function receive(client, work) {
  const told = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { searchParams } = new URL(request.url, 'http://localhost');
    try {
      const query = Object.fromEntries(searchParams);
      const packet = { method: request.method, url: request.url, headers: request.headers, query, body: Buffer.concat(chunks) };
      response.end(await work(packet, (event) => told.push(event)));
    } catch (error) {
      told.push(`${error.name}: ${error.message}`);
      response.writeHead(500).end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  await act('set_callback', { url: `http://127.0.0.1:${server.address().port}/` });
  const accepted = await act('verify_callback_url');
  await say(`${client}.verify`, 'callback/verify', { answer: { accepted, told: [...told] } });
  told.length = 0;
  await act('scan', { config_id_or_state: STAGE.code, name: '回调' });
  await act('deliver');
  await say(`${client}.decrypt`, 'callback/event', { answer: { xml: told } });
  await act('set_callback', { url: null });
  server.closeAllConnections();
  server.close();
}
