"""RunAgentInput of every client generation, as one shape. Pure: nothing is looked up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentserver.core.errors import BadRequest
from agentserver.core.exact_json import dumps, loads
from agentserver.core.ids import checked_id, new_id, optional_id
from agentserver.protocols.ag_ui.parts import blocks_of, text_of
from agentserver.protocols.ag_ui.wire import RunAgentBody

Json = dict[str, Any]

ROLES = ("developer", "system", "user", "assistant", "tool")


@dataclass(frozen=True)
class ClientMessage:
    """A message as the client holds it. `named` is false when it came without an id."""

    id: str
    role: str
    blocks: list[Json]
    named: bool = True
    name: str | None = None
    calls: Sequence[Json] = ()
    call_id: str = ""
    error: str | None = None

    @property
    def text(self) -> str:
        return text_of(self.blocks)


@dataclass(frozen=True)
class Answer:
    """What the client says to one interrupt."""

    interrupt_id: str
    cancelled: bool
    payload: Any = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request for a run.

    `thread_id` and `run_id` are echoed; `modern` clients declared protocol 1.0 or later. `resume`
    is None when the request does not answer interrupts. `frontend` is what the model is told about
    the client: its state and context.
    """

    thread_id: str
    run_id: str
    parent_run_id: str | None = None
    agent_id: str | None = None
    modern: bool = False
    messages: Sequence[ClientMessage] = ()
    tools: list[Json] = field(default_factory=list)
    state: Json = field(default_factory=dict)
    frontend: Json = field(default_factory=dict)
    forwarded_props: Any = None
    resume: Sequence[Answer] | None = None


def decode(body: RunAgentBody, *, thread_id: str | None, agent_id: str | None) -> Asked:
    """Ids of the path go before those of the body; blank ids count as absent. Raises `BadRequest`.

    Which thread and which agent: the AG-UI protocol knows the thread only, the agent may also be
    named by ``agentId`` in the body or in ``forwardedProps``.
    """
    props = body.forwarded_props if isinstance(body.forwarded_props, dict) else {}
    named = props.get("agentId")
    state = body.state if isinstance(body.state, dict) else {}
    return Asked(
        thread_id=thread_id or optional_id(body.thread_id, what="threadId") or new_id(),
        run_id=(body.run_id or "").strip() or new_id(),
        parent_run_id=body.parent_run_id or None,
        agent_id=agent_id
        or optional_id(body.agent_id, what="agentId")
        or optional_id(named if isinstance(named, str) else None, what="agentId"),
        modern=is_modern(body.protocol_version),
        messages=_messages(body.messages or []),
        tools=[_tool(tool) for tool in body.tools or []],
        state=state,
        frontend=_frontend(state, body.context),
        forwarded_props=body.forwarded_props or None,
        resume=_resume(body.resume if body.resume is not None else props.get("resume")),
    )


def is_modern(version: Any) -> bool:
    """Whether a client that declares ``version`` knows what came with protocol 1.0.

    Only clients since 1.0 declare one at all, so a version that cannot be read is a newer one.
    """
    if version is None or version == "":
        return False
    major = str(version).strip().partition(".")[0]
    return not (major.isascii() and major.isdigit()) or int(major[:9]) >= 1


# --- messages -------------------------------------------------------------------------------------
def _messages(given: Sequence[Json]) -> list[ClientMessage]:
    """Reasoning, activities and roles of the future are the client's own business."""
    messages = [_message(each) for each in given if each.get("role") in ROLES]
    seen: dict[str, ClientMessage] = {message.id: message for message in messages}
    return list(seen.values())


def _message(given: Json) -> ClientMessage:
    given_id, name, error = given.get("id"), given.get("name"), given.get("error")
    named = isinstance(given_id, str) and bool(given_id.strip())
    return ClientMessage(
        id=checked_id(str(given_id), what="message id") if named else new_id(),
        role=given["role"],
        blocks=blocks_of(given.get("content")),
        named=named,
        name=name if isinstance(name, str) else None,
        calls=_calls(given.get("toolCalls")),
        call_id=str(given.get("toolCallId") or ""),
        error=error if isinstance(error, str) and error else None,
    )


def _calls(given: Any) -> list[Json]:
    """Complete calls only: one that broke off in the middle of its arguments never happened."""
    calls = given if isinstance(given, list) else []
    read = (_call(call) for call in calls if isinstance(call, dict))
    return [call for call in read if call]


def _call(given: Json) -> Json | None:
    function = given.get("function")
    if not isinstance(function, dict) or not isinstance(given.get("id"), str):
        return None
    try:
        arguments = loads(str(function.get("arguments") or "{}"))
    except ValueError:
        return None
    return {"id": given["id"], "name": str(function.get("name") or ""), "arguments": arguments}


def _tool(given: Json) -> Json:
    return {name: given[name] for name in ("name", "description", "parameters") if name in given}


# --- context --------------------------------------------------------------------------------------
def _frontend(state: Json, context: Any) -> Json:
    frontend: Json = {"state": state} if state else {}
    if isinstance(context, dict) and context:
        frontend["context"] = context
    elif isinstance(context, list):
        entries = [_context(entry) for entry in context if isinstance(entry, dict)]
        if entries:
            frontend["context"] = entries
    return frontend


def _context(entry: Json) -> Json:
    value = entry.get("value")
    return {
        "description": str(entry.get("description") or ""),
        "value": value if isinstance(value, str) else dumps(value),
    }


# --- resume ---------------------------------------------------------------------------------------
def _resume(given: Any) -> list[Answer] | None:
    """The list of the protocol, or the one object of older servers' clients."""
    entries = [given] if isinstance(given, dict) else given
    if not entries:
        return None
    if not isinstance(entries, list):
        raise BadRequest("invalid resume: a list of {interruptId, status, payload} is expected")
    return [_answer(entry) for entry in entries]


def _answer(entry: Any) -> Answer:
    interrupt_id = entry.get("interruptId") if isinstance(entry, dict) else None
    if not isinstance(interrupt_id, str) or not interrupt_id:
        raise BadRequest("invalid resume: an entry needs an interruptId")
    status = entry.get("status", "resolved")
    if status not in ("resolved", "cancelled"):
        raise BadRequest(f"invalid resume: unknown status {status!r}")
    return Answer(interrupt_id, status == "cancelled", entry.get("payload"))
