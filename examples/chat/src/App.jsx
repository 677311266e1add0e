import { useEffect, useState } from "react";
import { Chat } from "./Chat.jsx";
import { history } from "./server.js";

const AGENTS = ["demo-echo", "demo-tool", "demo-approval", "demo-slow", "demo-frontend", "assistant"];

// The chat and its agent are in the address, so that a reload or another tab finds them again.
function fromAddress() {
  const query = new URLSearchParams(window.location.search);
  return {
    chatId: query.get("chat") ?? crypto.randomUUID(),
    agent: query.get("agent") ?? AGENTS[0],
  };
}

export function App() {
  const [place, setPlace] = useState(fromAddress);
  const [messages, setMessages] = useState(null);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    const query = new URLSearchParams({ chat: place.chatId, agent: place.agent });
    window.history.replaceState(null, "", `?${query}`);
  }, [place]);

  useEffect(() => {
    let current = true;
    setMessages(null);
    history(place.chatId).then(
      (found) => current && setMessages(found),
      (error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [place.chatId]);

  return (
    <main>
      <header>
        <h1>Chat with an agent</h1>
        <label>
          Agent{" "}
          <select
            value={place.agent}
            onChange={(event) => setPlace({ ...place, agent: event.target.value })}
          >
            {AGENTS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => setPlace({ ...place, chatId: crypto.randomUUID() })}>
          New chat
        </button>
      </header>
      {problem && <p role="alert">{problem}</p>}
      {messages && (
        <Chat
          key={`${place.chatId} ${place.agent}`}
          chatId={place.chatId}
          agent={place.agent}
          messages={messages}
        />
      )}
    </main>
  );
}
