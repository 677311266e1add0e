// Mastra's client on the MCP routes. Reads {"base", "server", "tool", "data"} from standard input
// and prints {"servers", "details", "tools", "tool", "executed", "missing"}.
import { readFileSync } from "node:fs";
import { MastraClient } from "@mastra/client-js";

const task = JSON.parse(readFileSync(0, "utf8"));
const client = new MastraClient({ baseUrl: task.base, retries: 0 });
const tool = client.getMcpServerTool(task.server, task.tool);
const missing = await client.getMcpServerDetails("nope").then(
  () => null,
  (error) => error.message,
);
const print = {
  servers: await client.getMcpServers(),
  details: await client.getMcpServerDetails(task.server),
  tools: await client.getMcpServerTools(task.server),
  tool: await tool.details(),
  executed: await tool.execute({ data: task.data }),
  missing,
};
process.stdout.write(JSON.stringify(print));
