// Plays a conversation with a real AG-UI client and prints what the client made of it.
//
// Input (standard input): {package, url, base, threadId, agent?: {initialState, initialMessages},
// steps: [...]}. Output: {results: [one entry per step that asks for one], warnings: [...]}.
//
// Steps:
//   {say, id?}                      add a user message (a string, or a list of parts)
//   {run, until?}                   run the agent; `run` are its parameters. `until`: {deltas, post}
//                                   posts to that path after so many text deltas; {deltas, abort}
//                                   drops the connection
//   {resume, run?}                  run it with one answer for all open interrupts:
//                                   {status, payload}; old clients send it in forwardedProps
//   {answer, error?}                add a tool message for every call without one
//   {drop}                          keep only the messages up to the last one of that role
//   {load}                          replace the messages by the server's listing
//   {get} or {post}                 fetch a path and report status and body
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";

const task = JSON.parse(await text(process.stdin));
const { HttpAgent } = await import(task.package);

const warnings = [];
for (const level of ["warn", "error"]) {
  console[level] = (...parts) => warnings.push(parts.map(String).join(" "));
}

const frames = [];
const realFetch = globalThis.fetch;
const taped = async (...parameters) => {
  const response = await realFetch(...parameters);
  if (!response.ok || !response.body) return response;
  const [kept, handed] = response.body.tee();
  const taping = new Response(kept).text().catch(() => "");
  frames.push(taping);
  return new Response(handed, { status: response.status, headers: response.headers });
};
globalThis.fetch = taped;

const agent = new HttpAgent({ url: task.url, threadId: task.threadId, ...task.agent });
let interrupts = [];

async function run(parameters, until) {
  const seen = { events: [], runId: parameters.runId ?? randomUUID() };
  let deltas = 0;
  let posted;
  const subscriber = {
    onEvent({ event }) {
      seen.events.push(event.type);
    },
    onTextMessageContentEvent() {
      deltas += 1;
      if (!until || deltas !== until.deltas) return;
      if (until.abort) agent.abortRun();
      else {
        posted = realFetch(task.base + until.post, { method: "POST" });
        seen.postedAt = performance.now();
      }
    },
    onRunFinishedEvent({ event, pendingToolCallIds }) {
      seen.finished = event;
      seen.pendingToolCallIds = pendingToolCallIds;
      interrupts = event.outcome?.interrupts ?? [];
    },
    onRunErrorEvent({ event }) {
      seen.error = event;
    },
  };
  const before = frames.length;
  try {
    await agent.runAgent({ ...parameters, runId: seen.runId }, subscriber);
  } catch (error) {
    seen.rejected = { message: String(error.message), status: error.status, payload: error.payload };
  }
  if (posted) {
    seen.secondsToStop = (performance.now() - seen.postedAt) / 1000;
    seen.posted = (await posted).status;
  }
  seen.frames = until?.abort ? "" : await frames[before];
  seen.messages = structuredClone(agent.messages);
  seen.state = agent.state;
  seen.openInterrupts = (agent.pendingInterrupts ?? []).map((each) => each.id);
  return seen;
}

function answers({ status, payload }) {
  return interrupts.map(({ id }) => ({ interruptId: id, status, ...(payload && { payload }) }));
}

const knowsResume = task.package !== "@ag-ui/client-0.0.52";

async function play(step) {
  if ("say" in step) {
    agent.addMessage({ id: step.id ?? randomUUID(), role: "user", content: step.say });
  } else if ("resume" in step) {
    const resume = answers(step.resume);
    const given = step.run ?? {};
    return run(knowsResume ? { ...given, resume } : { ...given, forwardedProps: { resume } });
  } else if ("run" in step) {
    return run(step.run, step.until);
  } else if ("answer" in step) {
    const answered = new Set(agent.messages.map((each) => each.toolCallId));
    const calls = agent.messages.flatMap((each) => each.toolCalls ?? []);
    for (const { id } of calls.filter((each) => !answered.has(each.id))) {
      const failed = step.error ? { error: step.error } : {};
      const content = step.answer;
      agent.addMessage({ id: randomUUID(), role: "tool", toolCallId: id, content, ...failed });
    }
  } else if ("drop" in step) {
    const roles = agent.messages.map((each) => each.role);
    agent.setMessages(agent.messages.slice(0, roles.lastIndexOf(step.drop) + 1));
  } else if ("load" in step) {
    const path = `${task.base}/v1/ag-ui/threads/${agent.threadId}/messages`;
    agent.setMessages((await (await realFetch(path)).json()).messages);
  } else if ("get" in step || "post" in step) {
    const method = "post" in step ? "POST" : "GET";
    const response = await realFetch(task.base + (step.get ?? step.post), { method });
    return { status: response.status, body: await response.json() };
  }
  return undefined;
}

const results = [];
for (const step of task.steps) {
  const result = await play(step);
  if (result) results.push(result);
}
process.stdout.write(JSON.stringify({ results, warnings, messages: agent.messages }));
process.exit(0);
