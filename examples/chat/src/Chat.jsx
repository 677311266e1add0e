import { useChat } from "@ai-sdk/react";
import {
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from "ai";
import { useMemo, useState } from "react";
import { Message } from "./Message.jsx";
import { cancel, transportFor } from "./server.js";

// Answers to approvals and to tools of the page are posted as soon as all of a step are there.
function answersAreComplete(chat) {
  return (
    lastAssistantMessageIsCompleteWithApprovalResponses(chat) ||
    lastAssistantMessageIsCompleteWithToolCalls(chat)
  );
}

export function Chat({ chatId, agent, messages: before }) {
  const transport = useMemo(() => transportFor(agent), [agent]);
  const chat = useChat({
    id: chatId,
    messages: before,
    resume: true,
    transport,
    sendAutomaticallyWhen: answersAreComplete,
  });
  const busy = chat.status === "submitted" || chat.status === "streaming";

  return (
    <>
      <ol aria-label="Conversation">
        {chat.messages.map((message) => (
          <Message
            key={message.id}
            message={message}
            approve={(id, approved) => chat.addToolApprovalResponse({ id, approved })}
            answer={(tool, toolCallId, output) => chat.addToolOutput({ tool, toolCallId, output })}
          />
        ))}
      </ol>
      {chat.error && <p role="alert">{chat.error.message}</p>}
      <p role="status">{chat.status}</p>
      <Composer
        busy={busy}
        send={(text) => chat.sendMessage({ text })}
        stop={() => cancel(chatId)}
        again={chat.messages.length ? () => chat.regenerate() : undefined}
      />
    </>
  );
}

function Composer({ busy, send, stop, again }) {
  const [text, setText] = useState("");

  function submit(event) {
    event.preventDefault();
    if (!text.trim()) return;
    send(text);
    setText("");
  }

  return (
    <form onSubmit={submit}>
      <input
        aria-label="Message"
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder="Say something"
      />
      <button type="submit" disabled={busy || !text.trim()}>
        Send
      </button>
      <button type="button" onClick={stop} disabled={!busy}>
        Stop
      </button>
      <button type="button" onClick={again} disabled={busy || !again}>
        Regenerate
      </button>
    </form>
  );
}
