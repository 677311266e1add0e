const COLOURS = ["red", "green", "blue"];

const STATES = {
  "input-streaming": "is being called",
  "input-available": "runs",
  "approval-requested": "needs your approval",
  "approval-responded": "was answered",
  "output-available": "done",
  "output-error": "failed",
  "output-denied": "denied",
};

export function ToolCard({ part, approve, answer }) {
  const name = part.type.replace("tool-", "");
  return (
    <section className="tool" aria-label={`Tool ${name}`} data-state={part.state}>
      <h2>
        {name} <small>{STATES[part.state]}</small>
      </h2>
      {part.input !== undefined && <pre>{JSON.stringify(part.input)}</pre>}
      {part.state === "approval-requested" && (
        <div>
          <button type="button" onClick={() => approve(part.approval.id, true)}>
            Approve
          </button>
          <button type="button" onClick={() => approve(part.approval.id, false)}>
            Deny
          </button>
        </div>
      )}
      {name === "pick_colour" && part.state === "input-available" && (
        <div>
          {COLOURS.map((colour) => (
            <button
              key={colour}
              type="button"
              onClick={() => answer(name, part.toolCallId, { colour })}
            >
              {colour}
            </button>
          ))}
        </div>
      )}
      {part.state === "output-available" && <output>{JSON.stringify(part.output)}</output>}
      {part.state === "output-error" && <output>{part.errorText}</output>}
    </section>
  );
}
