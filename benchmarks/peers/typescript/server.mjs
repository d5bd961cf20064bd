// The measured server on the official TypeScript SDK, 2.x: `server.mjs http PORT` or `server.mjs stdio 0`.
//
// BENCH_SET, BENCH_TOOLS, BENCH_REDIS_URL and BENCH_HTTP_URL say what it serves; benchmarks/README.md has the terms.
// As the SDK's guide has it for production: schemas are made once, one small McpServer a request, answers in JSON until
// something streams, and the guards of Host and Origin in front. Older revisions are served without sessions, its default.

import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const FLAG = 'bench://flag';
const LISTENERS = 20_000;

const [mode, port] = process.argv.slice(2);
const environment = process.env;
const full = environment.BENCH_SET === 'all';
const others = Number(environment.BENCH_TOOLS ?? 1) - 1;

const integers = z.object({ a: z.int(), b: z.int() });
const textIn = z.object({ text: z.string() });
const keyIn = z.object({ key: z.string() });
const naming = z.object({ name: z.string(), count: z.int() });
const nothing = z.object({});
const integer = z.object({ result: z.int() });

const number = (result) => ({ content: [{ type: 'text', text: String(result) }], structuredContent: { result } });
const text = (said) => ({ content: [{ type: 'text', text: said }] });
const BIG = 'x'.repeat(2 ** 20);

let notify; // over HTTP: tells every listener

// The two services that `io` asks; both keep their connections. They are loaded only where the tool is served.
let read;
if (full && environment.BENCH_REDIS_URL) {
  const [{ createClient }, { Pool }] = await Promise.all([import('redis'), import('undici')]);
  const redis = await createClient({ url: environment.BENCH_REDIS_URL }).connect();
  const { origin, pathname, search } = new URL(environment.BENCH_HTTP_URL);
  const pool = new Pool(origin, { connections: 64 });
  read = async (key) => {
    const kept = await redis.get(key);
    const { body } = await pool.request({ path: pathname + search, method: 'GET' });
    return `${kept} ${await body.text()}`;
  };
}

const add = async ({ a, b }) => number(a + b);
const letters = async ({ name, count }) => number(name.length * count);

function serve() {
  const capabilities = full ? { resources: { subscribe: true, listChanged: true } } : {};
  const server = new McpServer({ name: 'bench', version: '1' }, { capabilities });
  server.registerTool('add', { description: 'Add two numbers.', inputSchema: integers, outputSchema: integer }, add);
  for (let other = 1; other <= others; other += 1) {
    const description = 'Count the letters of a name, several times over.';
    server.registerTool(`tool_${other}`, { description, inputSchema: naming, outputSchema: integer }, letters);
  }
  if (!full) return server;
  server.registerTool('add_sync', { inputSchema: integers, outputSchema: integer }, ({ a, b }) => number(a + b));
  server.registerTool('count', { inputSchema: nothing }, async (_, context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    if (progressToken !== undefined) {
      for (let progress = 1; progress <= 10; progress += 1) {
        await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 10 } });
      }
    }
    return text('done');
  });
  server.registerTool('big', { inputSchema: nothing }, async () => text(BIG));
  server.registerTool('measure', { inputSchema: textIn, outputSchema: integer }, async (given) =>
    number(given.text.length),
  );
  server.registerTool('io', { inputSchema: keyIn }, async ({ key }) => text(await read(key)));
  server.registerTool('change', { inputSchema: nothing }, async () => {
    if (notify) notify.resourceUpdated(FLAG);
    else await server.server.sendResourceUpdated({ uri: FLAG });
    return text('changed');
  });
  server.registerResource('flag', FLAG, {}, async () => ({ contents: [{ uri: FLAG, text: 'blue' }] }));
  return server;
}

// Each mode loads what it needs, as a server for one of them would.
if (mode === 'stdio') {
  const { serveStdio } = await import('@modelcontextprotocol/server/stdio');
  serveStdio(serve);
} else {
  const { createServer } = await import('node:http');
  const { localhostHostValidation, localhostOriginValidation, toNodeHandler } = await import('@modelcontextprotocol/node');
  const handler = createMcpHandler(serve, { maxSubscriptions: LISTENERS });
  notify = handler.notify;
  const answer = toNodeHandler(handler);
  const [isHost, isOrigin] = [localhostHostValidation(), localhostOriginValidation()];
  createServer((request, response) => {
    if (!isHost(request, response) || !isOrigin(request, response)) return;
    if (new URL(request.url, 'http://localhost').pathname === '/mcp') answer(request, response);
    else response.writeHead(404).end();
  }).listen(Number(port), '127.0.0.1');
}
