// Plays conversations with real AG-UI clients and prints what the clients made of them.
//
// Input (standard input): a task per line, {package, url, base, threadId, agent?: {initialState,
// initialMessages}, steps: [...]}. Output: a line per task, {results: [one entry per step that asks
// for one], warnings: [...], messages}, or {failure}.
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
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

let task, agent, interrupts, warnings, frames;

for (const level of ["warn", "error"]) {
  console[level] = (...parts) => warnings.push(parts.map(String).join(" "));
}

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

async function play(step) {
  if ("say" in step) {
    agent.addMessage({ id: step.id ?? randomUUID(), role: "user", content: step.say });
  } else if ("resume" in step) {
    const resume = answers(step.resume);
    const given = step.run ?? {};
    const knowsResume = task.package !== OLDEST;
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

// The ES module of 0.0.52 cannot apply patches in node: it imports a CommonJS package by names.
const OLDEST = "@ag-ui/client-0.0.52";

function load(name) {
  return name === OLDEST ? createRequire(import.meta.url)(name) : import(name);
}

async function perform() {
  const { HttpAgent } = await load(task.package);
  agent = new HttpAgent({ url: task.url, threadId: task.threadId, ...task.agent });
  [interrupts, warnings, frames] = [[], [], []];
  const results = [];
  for (const step of task.steps) {
    const result = await play(step);
    if (result) results.push(result);
  }
  return { results, warnings, messages: agent.messages };
}

for await (const line of createInterface({ input: process.stdin })) {
  task = JSON.parse(line);
  const report = await perform().catch((error) => ({ failure: String(error.stack) }));
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
process.exit(0);
