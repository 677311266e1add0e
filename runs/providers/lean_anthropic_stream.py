"""The events of a streamed Anthropic message as pydantic-ai events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_ai.messages import FinishReason, ModelResponseStreamEvent
from pydantic_ai.usage import RequestUsage

from runs.providers.lean_anthropic_messages import REDACTED
from runs.providers.lean_stream import LeanStreamedResponse

_FINISH: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
_COUNTED: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)

Events = Iterable[ModelResponseStreamEvent]


@dataclass
class MessageStream(LeanStreamedResponse):
    """``message_start`` to ``message_stop``; unknown events and blocks are passed over."""

    _counts: dict[str, int] = field(default_factory=dict, init=False)

    @property
    def may_end_now(self) -> bool:
        return self.ended or self.finish_reason is not None

    def mapped(self, payload: dict[str, Any]) -> Events:
        match payload.get("type"):
            case "content_block_delta":
                return self._delta(payload["index"], payload["delta"])
            case "content_block_start":
                return self._begun(payload["index"], payload["content_block"])
            case "message_start":
                self._opened(payload["message"])
            case "message_delta":
                self._closing(payload)
            case "message_stop":
                self.ended = True
        return ()

    def _opened(self, message: dict[str, Any]) -> None:
        self.provider_response_id = message.get("id")
        self._count(message.get("usage") or {})

    def _closing(self, payload: dict[str, Any]) -> None:
        if reason := payload["delta"].get("stop_reason"):
            self.finish_reason = _FINISH.get(reason, "stop")
        self._count(payload.get("usage") or {})

    def _count(self, usage: dict[str, Any]) -> None:
        # Later reports are cumulative and leave out what has not changed.
        reported = {name: usage[name] for name in _COUNTED if usage.get(name) is not None}
        details = usage.get("output_tokens_details") or {}
        if thought := details.get("thinking_tokens"):
            reported["thinking_tokens"] = thought
        self._counts |= reported
        self._usage = message_usage(self._counts)

    def _begun(self, index: int, block: dict[str, Any]) -> Events:
        parts = self._parts_manager
        match block.get("type"):
            case "text" if block.get("text"):
                return parts.handle_text_delta(vendor_part_id=index, content=block["text"])
            case "thinking":
                return self._thought(index, block.get("thinking") or "", block.get("signature"))
            case "redacted_thinking":
                return parts.handle_thinking_delta(
                    vendor_part_id=index,
                    id=REDACTED,
                    signature=block["data"],
                    provider_name=self.provider_name,
                )
            case "tool_use":
                return parts.handle_tool_call_delta_events(
                    vendor_part_id=index,
                    tool_name=block["name"],
                    args=block.get("input") or None,
                    tool_call_id=block["id"],
                )
        return ()

    def _delta(self, index: int, delta: dict[str, Any]) -> Events:
        parts = self._parts_manager
        match delta.get("type"):
            case "text_delta" if delta["text"]:
                return parts.handle_text_delta(vendor_part_id=index, content=delta["text"])
            case "thinking_delta":
                return self._thought(index, delta["thinking"], None)
            case "signature_delta":
                return self._thought(index, None, delta["signature"])
            case "input_json_delta" if delta["partial_json"]:
                return parts.handle_tool_call_delta_events(
                    vendor_part_id=index, args=delta["partial_json"]
                )
        return ()

    def _thought(self, index: int, text: str | None, signature: str | None) -> Events:
        return self._parts_manager.handle_thinking_delta(
            vendor_part_id=index,
            content=text,
            signature=signature or None,
            provider_name=self.provider_name,
        )


def message_usage(counts: dict[str, int]) -> RequestUsage:
    """Token counts; cached tokens, which the wire reports apart, are part of the input total."""
    read = counts.get("cache_read_input_tokens", 0)
    written = counts.get("cache_creation_input_tokens", 0)
    thought = counts.get("thinking_tokens", 0)
    return RequestUsage(
        input_tokens=counts.get("input_tokens", 0) + read + written,
        output_tokens=counts.get("output_tokens", 0),
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_reasoning_tokens=thought,
        details={"reasoning_tokens": thought} if thought else {},
    )
