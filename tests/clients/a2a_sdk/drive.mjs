// Operations of the real A2A client, one after the other, and what the client made of the answers.
//
// Input (standard input): a line per task, {url, binding, headers, tenant?, operation, params, then?,
// stopAfter?}. Output: a line per task, {result} (an answer, or the list of a stream's events) or
// {error: {reason, message}}. Messages of the protocol are ProtoJSON on both sides.
//
// `then` ({operation, params}) is done after the first event of a stream, `stopAfter` leaves the
// stream after so many events. `tenant` makes the client believe in a card that names that tenant.
import * as sdk from "@a2a-js/sdk";
import { ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { createInterface } from "node:readline";

const OPERATIONS = {
  send: ["sendMessage", "SendMessageRequest", null],
  stream: ["sendMessageStream", "SendMessageRequest", "StreamResponse"],
  get: ["getTask", "GetTaskRequest", "Task"],
  list: ["listTasks", "ListTasksRequest", "ListTasksResponse"],
  cancel: ["cancelTask", "CancelTaskRequest", "Task"],
  subscribe: ["resubscribeTask", "SubscribeToTaskRequest", "StreamResponse"],
  pushCreate: [
    "createTaskPushNotificationConfig", "TaskPushNotificationConfig", "TaskPushNotificationConfig",
  ],
  pushGet: [
    "getTaskPushNotificationConfig", "GetTaskPushNotificationConfigRequest",
    "TaskPushNotificationConfig",
  ],
  pushList: [
    "listTaskPushNotificationConfig", "ListTaskPushNotificationConfigsRequest",
    "ListTaskPushNotificationConfigsResponse",
  ],
  pushDelete: ["deleteTaskPushNotificationConfig", "DeleteTaskPushNotificationConfigRequest", null],
};
const TRANSPORTS = { "HTTP+JSON": RestTransportFactory, JSONRPC: JsonRpcTransportFactory };
const STREAMS = new Set(["stream", "subscribe"]);
const clients = new Map();

async function clientFor({ url, binding, headers, tenant }) {
  const key = JSON.stringify([url, binding, headers, tenant]);
  if (!clients.has(key)) clients.set(key, await connect(url, binding, headers, tenant));
  return clients.get(key);
}

async function connect(url, binding, headers, tenant) {
  const fetchImpl = (address, options) =>
    fetch(address, {
      ...options,
      headers: { ...Object.fromEntries(new Headers(options?.headers)), ...headers },
    });
  const transports = [new TRANSPORTS[binding]({ fetchImpl })];
  const factory = new ClientFactory({ transports });
  if (!tenant) return factory.createFromUrl(url);
  const card = sdk.AgentCard.fromJSON(
    await (await fetch(`${url}/.well-known/agent-card.json`)).json(),
  );
  for (const each of card.supportedInterfaces) each.tenant = tenant;
  return factory.createFromAgentCard(card);
}

function plain(kind, value) {
  if (kind) return sdk[kind].toJSON(value);
  if (!value) return null;
  if ("messageId" in value) return { message: sdk.Message.toJSON(value) };
  return { task: sdk.Task.toJSON(value) };
}

async function perform(client, { operation, params, then, stopAfter }) {
  if (operation === "card") return sdk.AgentCard.toJSON(await client.getAgentCard());
  const [method, request, answer] = OPERATIONS[operation];
  const asked = sdk[request].fromJSON(params);
  if (!STREAMS.has(operation)) return plain(answer, await client[method](asked));
  const events = [];
  for await (const event of client[method](asked)) {
    events.push(plain(answer, event));
    if (events.length === 1 && then) await perform(client, then);
    if (events.length === stopAfter) break;
  }
  return events;
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let outcome;
  try {
    outcome = { result: await perform(await clientFor(task), task) };
  } catch (error) {
    outcome = { error: { reason: error.reason ?? error.name, message: String(error.message) } };
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
process.exit(0);
