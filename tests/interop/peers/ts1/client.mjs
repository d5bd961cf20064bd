// The official TypeScript client, 1.x: `client.mjs PLAN http URL` or `client.mjs PLAN stdio COMMAND...`.
// PLAN is JSON: {"calls": {label: [tool, arguments]}, "reads": {label: uri}}. What the client saw is printed as one
// JSON document. It runs beside its own node_modules and imports nothing of this repository.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";

const [plan, wire, ...target] = [JSON.parse(process.argv[2]), ...process.argv.slice(3)];
const http = wire === "http";
const transport = http
  ? new StreamableHTTPClientTransport(new URL(target[0]))
  : new StdioClientTransport({ command: target[0], args: target.slice(1) });
const client = new Client({ name: "interop-ts1", version: "0" });
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
    if (error instanceof McpError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
}

const seen = { server: client.getServerVersion(), calls: {}, reads: {} };
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
if (http) {
  // Only its HTTP transport keeps the revision; what the other agreed on stands in the recording.
  seen.revision = transport.protocolVersion;
  await transport.terminateSession();
}
await client.close();
console.log(JSON.stringify(seen));
