"""What a client holds after a stream: the reducer of the real clients, as far as messages go."""

from collections.abc import Iterable
from typing import Any

Frame = dict[str, Any]


class Holder:
    """`messages` and `state` of a client; ``receive`` takes the events of one more stream."""

    def __init__(self, messages: Iterable[Frame] = ()) -> None:
        self.messages: list[Frame] = list(messages)
        self.state: Any = {}

    def receive(self, frames: Iterable[Frame]) -> "Holder":
        for frame in frames:
            handler = getattr(self, f"_{frame['type'].lower()}", None)
            if handler:
                handler(frame)
        return self

    def _find(self, message_id: str) -> Frame | None:
        return next((each for each in self.messages if each["id"] == message_id), None)

    def _make(self, message_id: str, role: str) -> Frame:
        found = self._find(message_id)
        if found is None:
            found = {"id": message_id, "role": role}
            self.messages.append(found)
        return found

    def _text_message_start(self, frame: Frame) -> None:
        self._make(frame["messageId"], frame["role"]).setdefault("content", "")

    def _text_message_content(self, frame: Frame) -> None:
        found = self._make(frame["messageId"], "assistant")
        found["content"] = found.get("content", "") + frame["delta"]

    _reasoning_message_start = _text_message_start
    _reasoning_message_content = _text_message_content

    def _tool_call_start(self, frame: Frame) -> None:
        function = {"name": frame["toolCallName"], "arguments": ""}
        call = {"id": frame["toolCallId"], "type": "function", "function": function}
        self._make(frame["parentMessageId"], "assistant").setdefault("toolCalls", []).append(call)

    def _tool_call_args(self, frame: Frame) -> None:
        for message in self.messages:
            for call in message.get("toolCalls", ()):
                if call["id"] == frame["toolCallId"]:
                    call["function"]["arguments"] += frame["delta"]

    def _tool_call_result(self, frame: Frame) -> None:
        result = {
            "id": frame["messageId"],
            "role": "tool",
            "toolCallId": frame["toolCallId"],
            "content": frame["content"],
        }
        self.messages.insert(self._place_of_result(frame["toolCallId"]), result)

    def _place_of_result(self, call_id: str) -> int:
        for place, message in enumerate(self.messages):
            if any(call["id"] == call_id for call in message.get("toolCalls", ())):
                place += 1
                while place < len(self.messages) and self.messages[place]["role"] == "tool":
                    place += 1
                return place
        return len(self.messages)

    def _messages_snapshot(self, frame: Frame) -> None:
        given = {each["id"]: each for each in frame["messages"]}
        owns_reasoning = any(each["role"] == "reasoning" for each in frame["messages"])
        kept = [
            dict(given.get(each["id"], each))
            for each in self.messages
            if each["id"] in given or (each["role"] == "reasoning" and not owns_reasoning)
        ]
        ids = {each["id"] for each in kept}
        self.messages = kept + [dict(each) for each in frame["messages"] if each["id"] not in ids]

    def _state_snapshot(self, frame: Frame) -> None:
        self.state = frame["snapshot"]
