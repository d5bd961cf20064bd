// A harbour on the official TypeScript SDK, 2.x: `server.mjs stdio` or `server.mjs http PORT`.
//
// Every harbour has the same: tools that add, count, ask, wait and raise the flag, and one resource that flies it.

import { createServer } from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, inputRequired, Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const FLAG = 'harbour://flag';
const integers = (...names) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'integer' }])),
  required: names,
});
const SHAPES = {
  add: integers('a', 'b'),
  count: integers('to'),
  berth: integers(),
  wait: integers(),
  waited: integers(),
  raise_flag: integers(),
};
const BERTH = {
  type: 'object',
  properties: { length: { type: 'integer', minimum: 1 }, pilot: { type: 'boolean', default: true } },
  required: ['length'],
};
const QUESTION = { message: 'How long is the ship?', requestedSchema: BERTH };

const followers = new Set();
let notify; // over HTTP: tells every subscription
let tellCancelled;
const cancelled = new Promise((resolve) => {
  tellCancelled = resolve;
});

function harbour({ era }) {
  const server = new Server(
    { name: 'harbour', version: '1' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } },
  );
  const tools = {
    add: async ({ a, b }) => a + b,
    count: async ({ to }, context) => {
      const progressToken = context.mcpReq._meta?.progressToken;
      for (let step = 1; step <= to; step += 1) {
        const params = { progressToken, progress: step, total: to, message: `step ${step}` };
        await context.mcpReq.notify({ method: 'notifications/progress', params });
      }
      return to;
    },
    berth: async (_, context) => {
      let answer = context.mcpReq.inputResponses?.berth;
      if (era === 'legacy') answer = await context.mcpReq.elicitInput(QUESTION);
      if (!answer) return inputRequired({ inputRequests: { berth: inputRequired.elicit(QUESTION) } });
      if (answer.action !== 'accept') return answer.action;
      return `${answer.content.length} m, ${answer.content.pilot ? 'with' : 'without'} pilot`;
    },
    wait: (_, context) =>
      new Promise((resolve) => {
        context.mcpReq.signal.addEventListener('abort', () => {
          tellCancelled('cancelled');
          resolve('');
        });
      }),
    waited: () => cancelled,
    raise_flag: async () => {
      if (notify) {
        notify.resourceUpdated(FLAG);
        notify.toolsChanged();
      } else {
        for (const follower of followers) await follower.sendResourceUpdated({ uri: FLAG });
        if (era === 'modern') await server.sendResourceUpdated({ uri: FLAG });
        await server.sendToolListChanged();
      }
      return 'raised';
    },
  };
  server.setRequestHandler('tools/list', () => ({
    tools: Object.entries(SHAPES).map(([name, inputSchema]) => ({ name, inputSchema })),
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const value = await tools[params.name](params.arguments ?? {}, context);
    return typeof value === 'object' ? value : { content: [{ type: 'text', text: String(value) }] };
  });
  server.setRequestHandler('resources/list', () => ({ resources: [{ uri: FLAG, name: 'flag' }] }));
  server.setRequestHandler('resources/read', () => ({ contents: [{ uri: FLAG, text: 'blue and white' }] }));
  if (era === 'legacy') {
    server.setRequestHandler('resources/subscribe', () => {
      followers.add(server);
      return {};
    });
    server.setRequestHandler('resources/unsubscribe', () => {
      followers.delete(server);
      return {};
    });
  }
  return server;
}

if (process.argv[2] === 'stdio') {
  serveStdio(harbour);
} else {
  const handler = createMcpHandler(harbour);
  notify = handler.notify;
  createServer(toNodeHandler(handler)).listen(Number(process.argv[3]), '127.0.0.1');
}
