// The official TypeScript client, 1.x: `client.mjs PLAN http URL` or `client.mjs PLAN stdio COMMAND...`.
// PLAN is JSON: {"calls": {label: [tool, arguments]}, "watched": the same, with progress and log messages asked for,
// "reads": {label: uri}, "prompts": {label: [prompt, arguments]}, "answer": what the user fills into a form}.
// What the client saw is printed as one JSON document. It runs beside its own node_modules.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js";

const [plan, wire, ...target] = [JSON.parse(process.argv[2]), ...process.argv.slice(3)];
const http = wire === "http";
const transport = http
  ? new StreamableHTTPClientTransport(new URL(target[0]))
  : new StdioClientTransport({ command: target[0], args: target.slice(1) });
const capabilities = plan.answer ? { elicitation: {} } : {};
const client = new Client({ name: "interop-ts1", version: "0" }, { capabilities });
const asked = [];
const logs = [];
if (plan.answer)
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    asked.push(params.message);
    return { action: "accept", content: plan.answer };
  });
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
  logs.push([params.level, params.data]);
});
await client.connect(transport);
if (Object.keys(plan.watched).length) await client.setLoggingLevel("debug");

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

async function watch(name, args) {
  const progress = [];
  logs.length = 0;
  const onprogress = (step) => progress.push([step.progress, step.total, step.message]);
  const result = await outcome(client.callTool({ name, arguments: args }, undefined, { onprogress }));
  return { result, progress, logs: [...logs] };
}

const seen = { server: client.getServerVersion(), instructions: client.getInstructions(), calls: {}, watched: {}, reads: {}, got: {}, asked };
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
for (const [label, [name, args]] of Object.entries(plan.watched)) seen.watched[label] = await watch(name, args);
for (const [label, [name, args]] of Object.entries(plan.prompts))
  seen.got[label] = await outcome(client.getPrompt({ name, arguments: args }));
if (http) {
  // Only its HTTP transport keeps the revision; what the other agreed on stands in the recording.
  seen.revision = transport.protocolVersion;
  await transport.terminateSession();
}
await client.close();
console.log(JSON.stringify(seen));
