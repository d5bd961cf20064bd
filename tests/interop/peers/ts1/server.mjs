// A harbour on the official TypeScript SDK, 1.x: `server.mjs stdio` or `server.mjs http PORT`.
//
// Every harbour has the same: tools that add, count, ask, wait and raise the flag, and one resource that flies it.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

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

const followers = new Set();
let tellCancelled;
const cancelled = new Promise((resolve) => {
  tellCancelled = resolve;
});

function harbour() {
  const server = new Server(
    { name: 'harbour', version: '1' },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } },
  );
  const tools = {
    add: async ({ a, b }) => a + b,
    count: async ({ to }, extra) => {
      const progressToken = extra._meta?.progressToken;
      for (let step = 1; step <= to; step += 1) {
        const params = { progressToken, progress: step, total: to, message: `step ${step}` };
        await extra.sendNotification({ method: 'notifications/progress', params });
      }
      return to;
    },
    berth: async (_, extra) => {
      const params = { message: 'How long is the ship?', requestedSchema: BERTH };
      const answer = await extra.sendRequest({ method: 'elicitation/create', params }, types.ElicitResultSchema);
      if (answer.action !== 'accept') return answer.action;
      return `${answer.content.length} m, ${answer.content.pilot ? 'with' : 'without'} pilot`;
    },
    wait: (_, extra) =>
      new Promise((resolve) => {
        extra.signal.addEventListener('abort', () => {
          tellCancelled('cancelled');
          resolve('');
        });
      }),
    waited: () => cancelled,
    raise_flag: async () => {
      for (const follower of followers) await follower.sendResourceUpdated({ uri: FLAG });
      await server.sendToolListChanged();
      return 'raised';
    },
  };
  server.setRequestHandler(types.ListToolsRequestSchema, () => ({
    tools: Object.entries(SHAPES).map(([name, inputSchema]) => ({ name, inputSchema })),
  }));
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }, extra) => {
    const text = String(await tools[params.name](params.arguments ?? {}, extra));
    return { content: [{ type: 'text', text }] };
  });
  server.setRequestHandler(types.ListResourcesRequestSchema, () => ({ resources: [{ uri: FLAG, name: 'flag' }] }));
  server.setRequestHandler(types.ReadResourceRequestSchema, () => ({
    contents: [{ uri: FLAG, text: 'blue and white' }],
  }));
  server.setRequestHandler(types.SubscribeRequestSchema, () => {
    followers.add(server);
    return {};
  });
  server.setRequestHandler(types.UnsubscribeRequestSchema, () => {
    followers.delete(server);
    return {};
  });
  return server;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
}

if (process.argv[2] === 'stdio') {
  await harbour().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  createServer(async (request, response) => {
    const message = request.method === 'POST' ? await body(request) : undefined;
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => sessions.set(id, transport),
      });
      await harbour().connect(transport);
    }
    await transport.handleRequest(request, response, message);
  }).listen(Number(process.argv[3]), '127.0.0.1');
}
