// Everything this page asks the server for besides the chat itself.
import { DefaultChatTransport } from "ai";

const API = "/v1/ai-sdk";

// Tools that this page runs: the agent may call them, the card in the chat answers.
export const TOOLS = [
  {
    name: "pick_colour",
    description: "Lets the user pick a colour",
    parameters: { type: "object", properties: {} },
  },
];

export function transportFor(agent) {
  return new DefaultChatTransport({
    api: `${API}/chat`,
    body: { agentId: agent, tools: agent === "demo-frontend" ? TOOLS : undefined },
  });
}

// What was said so far, without the answer that is still being written: `resume` brings that.
export async function history(chatId) {
  const path = `${API}/threads/${encodeURIComponent(chatId)}/messages?limit=200`;
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body.messages;
}

// Closing the connection would only stop watching: the run goes on without us. This ends it.
export async function cancel(chatId) {
  await fetch(`${API}/threads/${encodeURIComponent(chatId)}/cancel`, { method: "POST" });
}
