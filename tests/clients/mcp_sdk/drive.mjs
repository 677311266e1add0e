// A client of MCP in a process of its own. Reads a task from standard input:
// {"sdk": "1" | "2", "transport": "http" | "sse", "url": "…", "answer": {…} | null, "calls": [{"name", "arguments"}]}
// and prints {"tools": […], "version": "…", "results": […], "progress": [[…], …], "asked": n}.
import { readFileSync } from "node:fs";

const task = JSON.parse(readFileSync(0, "utf8"));
const info = { name: "tests", version: "1.0.0" };
const capabilities = task.answer ? { elicitation: {} } : {};
let asked = 0;
const answer = async () => {
  asked += 1;
  return task.answer;
};

async function first() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const types = await import("@modelcontextprotocol/sdk/types.js");
  const client = new Client(info, { capabilities });
  if (task.answer) client.setRequestHandler(types.ElicitRequestSchema, answer);
  const url = new URL(task.url);
  if (task.transport === "sse") {
    const { SSEClientTransport } = await import("@modelcontextprotocol/sdk/client/sse.js");
    await client.connect(new SSEClientTransport(url));
  } else {
    const { StreamableHTTPClientTransport } = await import(
      "@modelcontextprotocol/sdk/client/streamableHttp.js"
    );
    await client.connect(new StreamableHTTPClientTransport(url));
  }
  return { client, call: (params, options) => client.callTool(params, undefined, options) };
}

async function second() {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client(info, {
    capabilities,
    versionNegotiation: { mode: { pin: "2026-07-28" } },
  });
  if (task.answer) client.setRequestHandler("elicitation/create", answer);
  await client.connect(new StreamableHTTPClientTransport(new URL(task.url)));
  return { client, call: (params, options) => client.callTool(params, options) };
}

const { client, call } = await (task.sdk === "2" ? second() : first());
const { tools } = await client.listTools();
const results = [];
const progress = [];
for (const params of task.calls) {
  const heard = [];
  const onprogress = (update) => heard.push(update.progress);
  results.push(await call(params, { onprogress }));
  progress.push(heard);
}
await client.close();
process.stdout.write(
  JSON.stringify({ tools: tools.map((tool) => tool.name), results, progress, asked }),
);
