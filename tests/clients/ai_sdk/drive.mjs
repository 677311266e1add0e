// Plays a chat with a real release of the AI SDK and prints what the client made of it.
//
// Input (standard input): {package, base, chatId, body?, headers?, auto?, tools?, idOf?, steps: [...]}.
// `body` is what the application adds to each request, `auto` names the predicate that re-posts by
// itself ("approvals" or "calls"), `tools` are outputs of the page's own tools by name, `newest`
// sends only the newest message.
// Output: one entry per step: {status, error, messages, chunks, posted}.
//
// Steps:
//   {send, id?, replace?, files?}   a user message; `replace` edits the message with that id
//   {regenerate, ofId?}             generate anew, the last answer or that one
//   {approve, reason?}              answer everything that waits for an approval
//   {output} or {outputError}       answer every open call as the page's own tool
//   {resume}                        what useChat({resume: true}) does when it mounts
//   {reload, resume?}               a new client that loads the listing, then resumes
//   {repost}                        sendMessage() without a message
//   {get} or {post, body?, raw?}    fetch a path and report status, headers and body
// A step may have `when`: {deltas, post?, stop?, send?, reload?}: after so many text deltas of its
// stream, post to a path, drop the connection, send a message, or let a second client load the
// listing and resume (its entry is `second`).
import { text } from "node:stream/consumers";

const task = JSON.parse(await text(process.stdin));
const ai = await import(task.package);
const MAX_POSTS = 12;

const tape = { chunks: [], posted: [], open: 0 };
const realFetch = globalThis.fetch;

async function record(body) {
  let rest = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    rest += piece;
    const frames = rest.split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      if (!frame.startsWith("data: ")) continue;
      const data = frame.slice("data: ".length);
      tape.chunks.push(data === "[DONE]" ? data : JSON.parse(data));
    }
  }
}

async function taped(url, options = {}) {
  if (options.method === "POST") tape.posted.push(JSON.parse(options.body));
  if (tape.posted.length > MAX_POSTS) throw new Error("the client posts for ever");
  const response = await realFetch(url, options);
  if (!response.ok || !response.body) return response;
  const [kept, handed] = response.body.tee();
  tape.open += 1;
  record(kept)
    .catch(() => {})
    .finally(() => {
      tape.open -= 1;
    });
  return new Response(handed, { status: response.status, headers: response.headers });
}

class State {
  status = "ready";
  error = undefined;
  messages = [];
  constructor(messages) {
    this.messages = messages;
  }
  pushMessage = (message) => {
    this.messages = this.messages.concat(message);
    changed();
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index, message) => {
    const copy = this.snapshot(message);
    this.messages = this.messages.map((each, place) => (place === index ? copy : each));
    changed();
  };
  snapshot = (thing) => structuredClone(thing);
}

let changed = () => {};

class Chat extends ai.AbstractChat {
  constructor(options, messages) {
    super({ ...options, state: new State(messages) });
  }
}

const predicates = {
  approvals: ai.lastAssistantMessageIsCompleteWithApprovalResponses,
  calls: ai.lastAssistantMessageIsCompleteWithToolCalls,
};

const latest = ({ id, messages, trigger, messageId, body }) => ({
  body: { ...body, id, trigger, messageId, messages: messages.slice(-1) },
});

function newChat(messages = []) {
  const made = new Chat(
    {
      id: task.chatId,
      transport: new ai.DefaultChatTransport({
        api: `${task.base}/v1/ai-sdk/chat`,
        body: task.body,
        headers: task.headers,
        fetch: taped,
        ...(task.newest ? { prepareSendMessagesRequest: latest } : {}),
      }),
      sendAutomaticallyWhen: task.auto ? predicates[task.auto] : undefined,
      onToolCall: async ({ toolCall }) => {
        if (!(toolCall.toolName in (task.tools ?? {}))) return;
        const output = task.tools[toolCall.toolName];
        void made.addToolOutput({
          tool: toolCall.toolName,
          toolCallId: toolCall.toolCallId,
          output,
        });
      },
    },
    messages,
  );
  return made;
}

let chat = newChat();

const tick = () => new Promise((resolve) => setTimeout(resolve, 10));
const busy = (one) => one.status === "submitted" || one.status === "streaming";

// Approvals and outputs re-post in the background: idle is when nothing is under way for a while.
async function idle() {
  for (let quiet = 0; quiet < 10; quiet += 1) {
    if (busy(chat) || tape.open) quiet = 0;
    await tick();
  }
}

const parts = (state) =>
  chat.messages.flatMap((message) => message.parts).filter((part) => part.state === state);

async function fetched(method, path, body, raw) {
  const headers = { "content-type": "application/json", ...task.headers };
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await realFetch(task.base + path, { method, headers, body: sent });
  const answer = await response.text();
  const kind = response.headers.get("content-type") ?? "";
  return {
    status: response.status,
    kind,
    headers: Object.fromEntries(response.headers),
    body: kind.includes("json") ? JSON.parse(answer) : answer,
  };
}

async function listed() {
  const path = `/v1/ai-sdk/threads/${encodeURIComponent(task.chatId)}/messages?limit=200`;
  return (await fetched("GET", path)).body.messages;
}

function reached(deltas) {
  return new Promise((resolve) => {
    const before = tape.chunks.length;
    changed = () => {
      const seen = tape.chunks.slice(before).filter((chunk) => chunk.type === "text-delta");
      if (seen.length >= deltas) {
        changed = () => {};
        resolve();
      }
    };
  });
}

async function meanwhile(when) {
  await reached(when.deltas);
  if (when.stop) await chat.stop();
  if (when.send) await chat.sendMessage({ text: when.send });
  if (when.post) {
    const began = performance.now();
    const answer = await fetched("POST", when.post);
    return { answer, began };
  }
  if (when.reload) {
    const second = newChat(await listed());
    const loaded = structuredClone(second.messages);
    await second.resumeStream();
    return { second: { loaded, messages: second.messages, status: second.status } };
  }
  return {};
}

async function act(step) {
  if ("send" in step) {
    const message = { messageId: step.replace, files: step.files };
    if (!step.id) return chat.sendMessage({ text: step.send, ...message });
    return chat.sendMessage({ id: step.id, role: "user", parts: [{ type: "text", text: step.send }] });
  }
  if (step.regenerate) return chat.regenerate({ messageId: step.ofId });
  if (step.repost) return chat.sendMessage();
  if (step.resume && !step.reload) return chat.resumeStream();
  if (step.reload) {
    chat = newChat(await listed());
    return step.resume ? chat.resumeStream() : undefined;
  }
  if ("approve" in step) {
    for (const part of parts("approval-requested")) {
      const answer = { id: part.approval.id, approved: step.approve, reason: step.reason };
      await chat.addToolApprovalResponse(answer);
    }
    return idle();
  }
  for (const { type, toolCallId } of parts("input-available")) {
    const tool = type.replace("tool-", "");
    const error = { state: "output-error", errorText: step.outputError };
    await chat.addToolOutput({
      tool,
      toolCallId,
      ...("output" in step ? { output: step.output } : error),
    });
  }
  return idle();
}

async function play(step) {
  if (step.get) return fetched("GET", step.get);
  if (step.post) return fetched("POST", step.post, step.body, step.raw);
  Object.assign(tape, { chunks: [], posted: [] });
  const other = step.when ? meanwhile(step.when) : {};
  await act(step);
  const beside = await other;
  const ended = performance.now();
  await idle();
  return {
    status: chat.status,
    error: chat.error?.message,
    messages: chat.messages,
    chunks: tape.chunks,
    posted: tape.posted,
    listed: await listed(),
    ...(beside.answer ? { answer: beside.answer, tookMs: ended - beside.began } : {}),
    ...(beside.second ? { second: beside.second } : {}),
  };
}

const results = [];
for (const step of task.steps) results.push(await play(step));

let valid = true;
try {
  const messages = results.findLast((each) => each.listed?.length)?.listed;
  if (messages) await ai.validateUIMessages({ messages });
} catch (error) {
  valid = String(error);
}
process.stdout.write(JSON.stringify({ results, valid }));
