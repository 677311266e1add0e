"""What the strictest clients of the AI SDK (``ai`` 6.0.0 to 6.0.180) accept, as a state machine.

`check` is given the chunks of one stream and raises `Refused` with the first thing a client would
break on, or that the reference server never does.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Chunk = dict[str, Any]

# Type → (required members, optional members).
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "start": ({"messageId"}, {"messageMetadata"}),
    "start-step": (set(), set()),
    "finish-step": (set(), set()),
    "text-start": ({"id"}, set()),
    "text-delta": ({"id", "delta"}, set()),
    "text-end": ({"id"}, set()),
    "reasoning-start": ({"id"}, set()),
    "reasoning-delta": ({"id", "delta"}, set()),
    "reasoning-end": ({"id"}, set()),
    "tool-input-start": ({"toolCallId", "toolName"}, set()),
    "tool-input-delta": ({"toolCallId", "inputTextDelta"}, set()),
    "tool-input-available": ({"toolCallId", "toolName", "input"}, set()),
    "tool-input-error": ({"toolCallId", "toolName", "input", "errorText"}, set()),
    "tool-approval-request": ({"approvalId", "toolCallId"}, set()),
    "tool-output-available": ({"toolCallId", "output"}, {"preliminary"}),
    "tool-output-error": ({"toolCallId", "errorText"}, set()),
    "tool-output-denied": ({"toolCallId"}, set()),
    "source-url": ({"sourceId", "url"}, {"title"}),
    "source-document": ({"sourceId", "mediaType", "title"}, {"filename"}),
    "file": ({"url", "mediaType"}, set()),
    "message-metadata": ({"messageMetadata"}, set()),
    "finish": ({"finishReason"}, {"messageMetadata"}),
    "abort": (set(), set()),
    "error": ({"errorText"}, set()),
}
ANY_VALUE = {"input", "output", "data", "messageMetadata"}
REASONS = {"stop", "length", "content-filter", "tool-calls", "error", "other"}
LAST = {"finish", "abort", "error"}


class Refused(Exception):
    """A client would stop here."""


def check(chunks: Iterable[Chunk], *, known_calls: Iterable[str] = ()) -> "Reader":
    """Reads a whole stream; ``known_calls`` are those the message had before (a continuation)."""
    reader = Reader(calls=set(known_calls))
    for chunk in chunks:
        reader.read(chunk)
    reader.close()
    return reader


def check_shape(chunk: Chunk) -> None:
    kind = chunk["type"]
    if kind.startswith("data-"):
        required, optional = {"data"}, {"id", "transient"}
    elif kind in SHAPES:
        required, optional = SHAPES[kind]
    else:
        raise Refused(f"unknown type {kind}")
    members = set(chunk) - {"type"}
    if missing := required - members:
        raise Refused(f"{kind} without {missing}")
    if unknown := members - required - optional:
        raise Refused(f"{kind} with {unknown}")
    if nulls := [name for name in members - ANY_VALUE if chunk[name] is None]:
        raise Refused(f"{kind} with null {nulls}")
    if kind == "finish" and chunk["finishReason"] not in REASONS:
        raise Refused(f"finish reason {chunk['finishReason']}")


@dataclass
class Reader:
    calls: set[str] = field(default_factory=set)
    begun: bool = False
    ended: bool = False
    in_step: bool = False
    open: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

    def read(self, chunk: Chunk) -> None:
        check_shape(json.loads(json.dumps(chunk)))
        kind = chunk["type"]
        if self.ended:
            raise Refused(f"{kind} after the end")
        if (kind == "start") is self.begun:
            raise Refused(f"{kind} at the wrong place")
        if kind == "start" and not chunk["messageId"]:
            raise Refused("no message id")
        self.begun = True
        self.ended = kind in LAST
        getattr(self, f"_{kind.replace('-', '_')}", self._else)(chunk)

    def close(self) -> None:
        if not self.ended:
            raise Refused("the stream ends without an end")

    def _else(self, chunk: Chunk) -> None:
        if chunk["type"] in {"finish", "abort"} and (self.open or self.in_step):
            raise Refused(f"{chunk['type']} with something open")

    def _start_step(self, chunk: Chunk) -> None:
        if self.in_step:
            raise Refused("a step inside a step")
        self.in_step = True

    def _finish_step(self, chunk: Chunk) -> None:
        if not self.in_step or self.open:
            raise Refused(f"finish-step, open: {self.open}")
        self.in_step = False

    def _text_start(self, chunk: Chunk) -> None:
        if not self.in_step or chunk["id"] in self.open:
            raise Refused(f"{chunk['type']} outside a step, or twice")
        self.open[chunk["id"]] = chunk["type"].removesuffix("-start")

    def _text_delta(self, chunk: Chunk) -> None:
        if self.open.get(chunk["id"]) != chunk["type"].removesuffix("-delta"):
            raise Refused(f"{chunk['type']} for a part that is not open")

    def _text_end(self, chunk: Chunk) -> None:
        if self.open.pop(chunk["id"], None) != chunk["type"].removesuffix("-end"):
            raise Refused(f"{chunk['type']} for a part that is not open")

    _reasoning_start, _reasoning_delta, _reasoning_end = _text_start, _text_delta, _text_end

    def _tool_input_start(self, chunk: Chunk) -> None:
        if not self.in_step:
            raise Refused("a call outside a step")
        self.calls.add(chunk["toolCallId"])
        self.inputs[chunk["toolCallId"]] = ""

    def _tool_input_delta(self, chunk: Chunk) -> None:
        if chunk["toolCallId"] not in self.inputs:
            raise Refused("input for a call that did not start")
        self.inputs[chunk["toolCallId"]] += chunk["inputTextDelta"]

    def _tool_input_available(self, chunk: Chunk) -> None:
        text = self.inputs.get(chunk["toolCallId"])
        if text and json.loads(text) != chunk["input"]:
            raise Refused(f"{text} is not {chunk['input']}")
        self.calls.add(chunk["toolCallId"])

    def _tool_input_error(self, chunk: Chunk) -> None:
        self.calls.add(chunk["toolCallId"])

    def _tool_output_available(self, chunk: Chunk) -> None:
        if chunk["toolCallId"] not in self.calls:
            raise Refused(f"No tool invocation found for {chunk['toolCallId']}")

    _tool_output_error = _tool_output_denied = _tool_approval_request = _tool_output_available
