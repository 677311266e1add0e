"""The chunks of a streamed OpenAI chat completion as pydantic-ai events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic_ai.usage import RequestUsage

from runs.providers.lean_openai_messages import REASONING_FIELDS
from runs.providers.lean_stream import LeanStreamedResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_ai.messages import FinishReason, ModelResponseStreamEvent

_FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "error": "error",
}
_THINK_TAGS: Final = ("<think>", "</think>")


@dataclass
class ChatStream(LeanStreamedResponse):
    """A ``chat.completion.chunk`` stream, tolerant of what compatible servers leave out."""

    end_marker: ClassVar[bytes | None] = b"[DONE]"

    _calls: dict[int, tuple[int, str | None]] = field(default_factory=dict, init=False)
    _part: int = field(default=0, init=False)
    _last: str = field(default="", init=False)

    @property
    def may_end_now(self) -> bool:
        return self.ended or self.finish_reason is not None

    def mapped(self, payload: dict[str, Any]) -> Iterator[ModelResponseStreamEvent]:
        if self.provider_response_id is None and (response_id := payload.get("id")):
            self.provider_response_id = str(response_id)
        if usage := payload.get("usage"):
            self._usage = chat_usage(usage)
        choices = payload.get("choices")
        if not choices:
            return
        choice = choices[0]
        if delta := choice.get("delta"):
            yield from self._delta(delta)
        if reason := choice.get("finish_reason"):
            self.finish_reason = self._finish(reason)

    def _finish(self, reason: str) -> FinishReason:
        finish = _FINISH.get(reason, "stop")
        # Some servers say "stop" after tool calls.
        return "tool_call" if finish == "stop" and self._calls else finish

    def _delta(self, delta: dict[str, Any]) -> Iterator[ModelResponseStreamEvent]:
        if text := _text(delta.get("content")):
            yield from self._said(text)
        else:
            yield from self._thought(delta)
        if refusal := delta.get("refusal"):
            yield from self._said(refusal)
        for position, call in enumerate(delta.get("tool_calls") or ()):
            yield from self._called(call, position)

    def _said(self, text: str) -> Iterable[ModelResponseStreamEvent]:
        return self._parts_manager.handle_text_delta(
            vendor_part_id=self._part_id("text"),
            content=text,
            thinking_tags=_THINK_TAGS if self.target.adapter_name != "openai" else None,
        )

    def _thought(self, delta: dict[str, Any]) -> Iterable[ModelResponseStreamEvent]:
        for name in REASONING_FIELDS:
            if text := delta.get(name):
                return self._parts_manager.handle_thinking_delta(
                    vendor_part_id=self._part_id(name),
                    id=name,
                    content=text,
                    provider_name=self.provider_name,
                )
        return ()

    def _part_id(self, kind: str) -> tuple[str, int]:
        """A new part starts whenever the kind of content changes."""
        if kind != self._last:
            self._last = kind
            self._part += 1
        return kind, self._part

    def _called(self, call: dict[str, Any], position: int) -> Iterable[ModelResponseStreamEvent]:
        function = call.get("function") or {}
        call_id = call.get("id") or None
        self._last = "tool"
        return self._parts_manager.handle_tool_call_delta_events(
            vendor_part_id=("tool", self._call_part(call.get("index", position), call_id)),
            tool_name=function.get("name") or None,
            args=function.get("arguments"),
            tool_call_id=call_id,
        )

    def _call_part(self, index: int, call_id: str | None) -> int:
        """The part of a call fragment: by index, unless a server reuses an index for a new id."""
        part, known = self._calls.get(index, (-1, None))
        if part < 0 or (call_id and known and call_id != known):
            part = len(self._calls) if part < 0 else part + 1_000
            self._calls[index] = (part, call_id)
        elif known is None:
            self._calls[index] = (part, call_id)
        return part


def _text(content: object) -> str:
    """The text of a delta; some servers send a list of blocks instead of a string."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(block.get("text") or "" for block in content if isinstance(block, dict))


def chat_usage(usage: dict[str, Any]) -> RequestUsage:
    """Token counts of a ``usage`` object, cached and reasoning tokens included in the totals."""
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    reasoning = completion.get("reasoning_tokens") or 0
    cached = prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    return RequestUsage(
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or 0,
        cache_read_tokens=cached,
        input_audio_tokens=prompt.get("audio_tokens") or 0,
        output_audio_tokens=completion.get("audio_tokens") or 0,
        output_reasoning_tokens=reasoning,
        details={"reasoning_tokens": reasoning} if reasoning else {},
    )
