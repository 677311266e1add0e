import { ToolCard } from "./ToolCard.jsx";

export function Message({ message, approve, answer }) {
  return (
    <li className={message.role} data-role={message.role} data-id={message.id}>
      {message.parts.map((part, place) => (
        <Part key={part.toolCallId ?? place} part={part} approve={approve} answer={answer} />
      ))}
    </li>
  );
}

function Part({ part, approve, answer }) {
  if (part.type === "text") return <p>{part.text}</p>;
  if (part.type === "reasoning") return <p className="reasoning">{part.text}</p>;
  if (part.type === "file") return <FilePart part={part} />;
  if (part.type === "source-url") {
    return (
      <p className="source">
        <a href={part.url} rel="noreferrer">
          {part.title ?? part.url}
        </a>
      </p>
    );
  }
  if (part.type.startsWith("tool-")) {
    return <ToolCard part={part} approve={approve} answer={answer} />;
  }
  return null;
}

function FilePart({ part }) {
  if (part.mediaType.startsWith("image/")) return <img src={part.url} alt={part.filename ?? ""} />;
  return <p>{part.filename ?? part.mediaType}</p>;
}
