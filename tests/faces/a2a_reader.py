"""A client's view of an A2A stream: artifacts put together from snapshot and chunks."""

from collections.abc import Iterable
from typing import Any

from agentserver_a2a.parts import merged

Json = dict[str, Any]


class Reader:
    """Follows the rules of the protocol to the letter; what breaks them is an AssertionError."""

    def __init__(self) -> None:
        self.artifacts: dict[str, list[Json]] = {}
        self.states: list[str] = []
        self.last_chunks: list[str] = []
        self.messages: list[Json] = []

    def read(self, events: Iterable[Json]) -> "Reader":
        for event in events:
            (kind,) = event
            getattr(self, f"_{kind}")(event[kind])
        return self

    def stored(self) -> dict[str, list[Json]]:
        return {key: merged(parts) for key, parts in self.artifacts.items()}

    def text(self) -> str:
        return "".join(part.get("text", "") for part in self.artifacts.get("response", []))

    def _task(self, task: Json) -> None:
        assert not self.states, "the task comes first"
        self.states.append(task["status"]["state"])
        self.artifacts = {each["artifactId"]: each["parts"] for each in task.get("artifacts", [])}

    def _message(self, message: Json) -> None:
        self.messages.append(message)

    def _statusUpdate(self, update: Json) -> None:  # noqa: N802 - named like the member
        self.states.append(update["status"]["state"])

    def _artifactUpdate(self, update: Json) -> None:  # noqa: N802 - named like the member
        assert not self.is_over(), "artifacts come before the end"
        artifact = update["artifact"]
        key = artifact["artifactId"]
        assert artifact["parts"], "a chunk holds something"
        before = self.artifacts[key] if update.get("append") else []
        self.artifacts[key] = [*before, *artifact["parts"]]
        if update.get("lastChunk"):
            self.last_chunks.append(key)

    def is_over(self) -> bool:
        ends = ("COMPLETED", "FAILED", "CANCELED", "REJECTED")
        return bool(self.states) and self.states[-1].endswith(ends)


def by_id(artifacts: Iterable[Json]) -> dict[str, list[Json]]:
    return {each["artifactId"]: merged(each["parts"]) for each in artifacts}
