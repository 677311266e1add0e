"""What the model says and its tools answer, as AG-UI events; keeps track of what is open.

All text of a step is one assistant message under the id of its row, its calls name that message as
their parent, a result is the stored tool message. Reasoning is a message of its own, numbered
within the assistant message it belongs to (`frames.reasoning_id`).
"""

from dataclasses import dataclass

from agentserver.protocols.ag_ui.frames import (
    Frame,
    arguments_text,
    of_call,
    of_message,
    reasoning_id,
)
from runs.events.fold import tool_text
from runs.events.types import (
    ReasoningDelta,
    ReasoningEnded,
    ReasoningStarted,
    StepFinished,
    StepStarted,
    TextDelta,
    TextEnded,
    TextStarted,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallReady,
    ToolCallStarted,
)


@dataclass
class _Call:
    name: str
    is_open: bool = True
    has_text: bool = False


class Output:
    """`shown` maps the id of each message that was shown to the seq of the event that showed it.

    ``held_results``: ids of calls whose results the client already has.
    """

    def __init__(self, held_results: frozenset[str]) -> None:
        self.seq = 0
        self.shown: dict[str, int] = {}
        self._held = held_results
        self._step: str | None = None
        self._texts: dict[str, str] = {}
        self._reasonings: dict[str, str] = {}
        self._reasoning_count: dict[str, int] = {}
        self._calls: dict[str, _Call] = {}
        self._tickets: dict[str, str] = {}

    # --- steps ---------------------------------------------------------------------------------

    def step_started(self, event: StepStarted) -> list[Frame]:
        closing = self.close()
        self._step = f"step-{event.step + 1}"
        self._reasoning_count.pop(event.message_id, None)
        return [*closing, {"type": "STEP_STARTED", "stepName": self._step}]

    def step_finished(self, event: StepFinished) -> list[Frame]:
        return self.close()

    def close(self) -> list[Frame]:
        """Ends everything that is open, the inner before the outer."""
        open_texts = dict.fromkeys(self._texts.values())
        frames = [of_message("TEXT_MESSAGE_END", each) for each in open_texts]
        for message_id in self._reasonings.values():
            frames += _reasoning_end(message_id)
        for call_id, call in self._calls.items():
            if call.is_open:
                call.is_open = False
                frames.append(of_call("TOOL_CALL_END", call_id))
        if self._step is not None:
            frames.append({"type": "STEP_FINISHED", "stepName": self._step})
        self._step = None
        self._texts.clear()
        self._reasonings.clear()
        return frames

    def forget_after(self, seq: int) -> set[str]:
        """Takes back what was shown after an event; the ids of those messages."""
        gone = {each for each, at in self.shown.items() if at > seq}
        self.shown = {each: at for each, at in self.shown.items() if each not in gone}
        return gone

    # --- text ----------------------------------------------------------------------------------

    def text_started(self, event: TextStarted) -> list[Frame]:
        was_open = event.message_id in self._texts.values()
        self._texts[event.block_id] = event.message_id
        self.shown.setdefault(event.message_id, self.seq)
        if was_open:
            return []
        return [{**of_message("TEXT_MESSAGE_START", event.message_id), "role": "assistant"}]

    def text_delta(self, event: TextDelta) -> list[Frame]:
        message_id = self._texts.get(event.block_id)
        if message_id is None or not event.delta:
            return []
        return [{"type": "TEXT_MESSAGE_CONTENT", "messageId": message_id, "delta": event.delta}]

    def text_ended(self, event: TextEnded) -> list[Frame]:
        message_id = self._texts.pop(event.block_id, None)
        if message_id is None or message_id in self._texts.values():
            return []
        return [of_message("TEXT_MESSAGE_END", message_id)]

    # --- reasoning -----------------------------------------------------------------------------

    def reasoning_started(self, event: ReasoningStarted) -> list[Frame]:
        number = self._reasoning_count.get(event.message_id, 0)
        self._reasoning_count[event.message_id] = number + 1
        message_id = reasoning_id(event.message_id, number)
        self._reasonings[event.block_id] = message_id
        self.shown.setdefault(message_id, self.seq)
        return [
            of_message("REASONING_START", message_id),
            {**of_message("REASONING_MESSAGE_START", message_id), "role": "reasoning"},
        ]

    def reasoning_delta(self, event: ReasoningDelta) -> list[Frame]:
        message_id = self._reasonings.get(event.block_id)
        if message_id is None or not event.delta:
            return []
        return [{**of_message("REASONING_MESSAGE_CONTENT", message_id), "delta": event.delta}]

    def reasoning_ended(self, event: ReasoningEnded) -> list[Frame]:
        message_id = self._reasonings.pop(event.block_id, None)
        return _reasoning_end(message_id) if message_id else []

    # --- calls ---------------------------------------------------------------------------------

    def call_started(self, event: ToolCallStarted) -> list[Frame]:
        return [self._open(event.call_id, event.name, event.message_id)]

    def call_delta(self, event: ToolCallDelta) -> list[Frame]:
        call = self._calls.get(event.call_id)
        if call is None or not call.is_open or not event.delta:
            return []
        call.has_text = call.has_text or not event.delta.isspace()
        return [{**of_call("TOOL_CALL_ARGS", event.call_id), "delta": event.delta}]

    def call_ready(self, event: ToolCallReady) -> list[Frame]:
        frames = []
        if event.call_id not in self._calls:
            frames.append(self._open(event.call_id, event.name, event.message_id))
        call = self._calls[event.call_id]
        if not call.is_open:
            return frames
        if not call.has_text:
            # The model sent no arguments; a client that parses them wants an object.
            text = arguments_text(event.arguments)
            frames.append({**of_call("TOOL_CALL_ARGS", event.call_id), "delta": text})
        call.is_open = False
        return [*frames, of_call("TOOL_CALL_END", event.call_id)]

    def call_finished(self, event: ToolCallFinished) -> list[Frame]:
        if event.suspension:
            self._tickets[event.suspension.ticket_id] = event.call_id
        if not _has_answer(event):
            return []
        self.shown[event.result_message_id] = self.seq
        if event.call_id in self._held:
            return []
        return [
            {
                **of_message("TOOL_CALL_RESULT", event.result_message_id),
                "toolCallId": event.call_id,
                "content": tool_text(event),
                "role": "tool",
            }
        ]

    def asked_by(self, ticket_id: str) -> tuple[str, str]:
        """Id and name of the call that waits for this ticket."""
        call_id = self._tickets.get(ticket_id, "")
        call = self._calls.get(call_id)
        return call_id, call.name if call else "tool"

    def _open(self, call_id: str, name: str, message_id: str) -> Frame:
        self._calls[call_id] = _Call(name)
        self.shown.setdefault(message_id, self.seq)
        return {
            **of_call("TOOL_CALL_START", call_id),
            "toolCallName": name,
            "parentMessageId": message_id,
        }


def _has_answer(event: ToolCallFinished) -> bool:
    """Whether there is a tool message to show: not for a call that waits or was given up."""
    return event.outcome != "suspended" and (event.outcome != "cancelled" or event.resumed)


def _reasoning_end(message_id: str) -> list[Frame]:
    return [
        of_message("REASONING_MESSAGE_END", message_id),
        of_message("REASONING_END", message_id),
    ]
