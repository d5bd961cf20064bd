// The official TypeScript client, 2.x: `client.mjs PLAN http URL` or `client.mjs PLAN stdio COMMAND...`.
// PLAN is JSON: {"calls": {label: [tool, arguments]}, "reads": {label: uri}, "mode": "auto"}. What the client saw is
// printed as one JSON document. It runs beside its own node_modules and imports nothing of this repository.

import { Client, ProtocolError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [plan, wire, ...target] = [JSON.parse(process.argv[2]), ...process.argv.slice(3)];
const http = wire === "http";
const transport = http
  ? new StreamableHTTPClientTransport(new URL(target[0]))
  : new StdioClientTransport({ command: target[0], args: target.slice(1) });
const client = new Client({ name: "interop-ts2", version: "0" }, { versionNegotiation: { mode: plan.mode } });
await client.connect(transport);

async function everyPage(fetch, name) {
  const found = [];
  let cursor;
  do {
    const page = await fetch(cursor === undefined ? {} : { cursor });
    found.push(...page[name]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

async function outcome(request) {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ProtocolError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
}

const seen = { revision: client.getNegotiatedProtocolVersion(), server: client.getServerVersion(), calls: {}, reads: {} };
seen.tools = (await everyPage((page) => client.listTools(page), "tools")).map((one) => one.name);
seen.resources = (await everyPage((page) => client.listResources(page), "resources")).map((one) => one.uri);
const templates = await everyPage((page) => client.listResourceTemplates(page), "resourceTemplates");
seen.templates = templates.map((one) => one.uriTemplate);
seen.prompts = client.getServerCapabilities().prompts
  ? (await everyPage((page) => client.listPrompts(page), "prompts")).map((one) => one.name)
  : [];
for (const [label, [name, args]] of Object.entries(plan.calls))
  seen.calls[label] = await outcome(client.callTool({ name, arguments: args }));
for (const [label, uri] of Object.entries(plan.reads)) seen.reads[label] = await outcome(client.readResource({ uri }));
if (http && transport.sessionId) await transport.terminateSession();
await client.close();
console.log(JSON.stringify(seen));
