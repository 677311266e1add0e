"""The answer of a remote task, folded from its updates: what is new for whoever watches.

The text is that of one artifact: the one called ``response``, else the first that has text. Its
files become files of our message. Every other artifact, and structured parts of that one, become
artifacts of our run. What the agent takes back (an artifact sent anew with another text) raises
`AnswerReplaced`, and the turn begins again with what it says now.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from agentserver_a2a.client.words import block_of, data_of, text_of, words_of
from runs.events.types import ActivitySnapshot, ArtifactUpdated
from runs.providers.errors import ProviderError
from runs.providers.remote import (
    AnswerReplaced,
    QuestionKind,
    RemoteAside,
    RemoteEvent,
    RemoteFile,
    RemoteQuestion,
    RemoteRejected,
    RemoteText,
)

RESPONSE: Final = "response"
PREFIX: Final = "TASK_STATE_"
ENDED: Final = frozenset({"completed", "failed", "canceled", "rejected"})
INTERRUPTED: Final = frozenset({"input_required", "auth_required"})
MOST_ARTIFACTS: Final = 1000
Update = dict[str, Any]


def state_of(task: dict[str, Any]) -> str:
    """The short name of a task's state, "" where it has none that we know."""
    return str((task.get("status") or {}).get("state", "")).removeprefix(PREFIX).lower()


@dataclass
class _Artifact:
    """`shown` counts the parts that have been handed on as part of our artifacts or files."""

    id: str
    about: dict[str, Any] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return text_of(self.parts)

    @property
    def is_response(self) -> bool:
        return RESPONSE in {self.id, self.about.get("name")}


@dataclass
class Answer:
    """``said``: what the task had answered before the turn, which is not to be said again."""

    agent_id: str
    said: str = ""
    state: str = "submitted"
    task_id: str = ""
    context_id: str = ""
    _artifacts: dict[str, _Artifact] = field(default_factory=dict)
    _shown: str = ""
    _main_id: str | None = None
    _status: dict[str, Any] = field(default_factory=dict)
    _history: list[dict[str, Any]] = field(default_factory=list)
    _activity: tuple[str, str] = ("", "")

    @property
    def is_at_rest(self) -> bool:
        return self.state in ENDED or self.state in INTERRUPTED

    @property
    def text(self) -> str:
        """All of the answer's text, said before or now."""
        main = self._main()
        return main.text if main else ""

    # --- taking updates ---------------------------------------------------------------------------

    def take(self, update: Update) -> Iterator[RemoteEvent]:
        """What an update has to say. Raises `AnswerReplaced`."""
        if "task" in update:
            yield from self._take_task(update["task"])
        elif "artifactUpdate" in update:
            yield from self._take_chunk(update["artifactUpdate"])
        elif "statusUpdate" in update:
            self._take_status(update["statusUpdate"].get("status") or {})
        elif "message" in update:
            yield from self._take_message(update["message"])
        yield from self._progress()

    def _take_task(self, task: dict[str, Any]) -> Iterator[RemoteEvent]:
        self.task_id = self.task_id or task.get("id", "")
        self.context_id = task.get("contextId", "") or self.context_id
        for each in task.get("artifacts", ()):
            artifact = self._artifact(each)
            artifact.parts = list(each.get("parts", ()))
        self._history = list(task.get("history", ()))
        self._take_status(task.get("status") or {})
        yield from self._news()

    def _take_chunk(self, update: dict[str, Any]) -> Iterator[RemoteEvent]:
        chunk = update.get("artifact") or {}
        artifact = self._artifact(chunk)
        if update.get("append"):
            self._append(artifact, chunk.get("parts", ()))
        else:
            artifact.parts = list(chunk.get("parts", ()))
            self._forget_said(artifact)
        yield from self._news()

    def _append(self, artifact: _Artifact, parts: Iterable[dict[str, Any]]) -> None:
        for part in parts:
            last = artifact.parts[-1] if artifact.parts and self._main() is artifact else {}
            if last.keys() == part.keys() == {"text"}:
                # One long text instead of thousands of pieces to join for every further one.
                artifact.parts[-1] = {"text": last["text"] + part["text"]}
            else:
                artifact.parts.append(part)

    def _take_status(self, status: dict[str, Any]) -> None:
        self.state = state_of({"status": status}) or self.state
        self._status = status

    def _take_message(self, message: dict[str, Any]) -> Iterator[RemoteEvent]:
        """An answer without a task."""
        artifact = self._artifact({"artifactId": RESPONSE})
        artifact.parts = list(message.get("parts", ()))
        self.context_id = message.get("contextId", "") or self.context_id
        self.state = "completed"
        yield from self._news()

    def _artifact(self, sent: dict[str, Any]) -> _Artifact:
        found = self._artifacts.get(sent.get("artifactId", ""))
        if found is None:
            if len(self._artifacts) >= MOST_ARTIFACTS:
                raise ProviderError("the remote agent made too many artifacts", code="bad_request")
            found = _Artifact(sent.get("artifactId", ""))
            self._artifacts[found.id] = found
        for name in {"name", "description", "metadata"} & sent.keys():
            found.about[name] = sent[name]
        return found

    # --- what is new ------------------------------------------------------------------------------

    def _main(self) -> _Artifact | None:
        known = self._artifacts.values()
        responses = (each for each in known if each.is_response)
        return next(responses, None) or next((each for each in known if each.text), None)

    def _forget_said(self, artifact: _Artifact) -> None:
        if self._main() is artifact:
            self.said = ""

    def _news(self) -> Iterator[RemoteEvent]:
        main = self._main()
        if main:
            yield from self._news_of_text(main)
            yield from self._news_of_files(main)
        for artifact in self._artifacts.values():
            if artifact is not main:
                yield from _news_of_artifact(artifact)

    def _news_of_text(self, main: _Artifact) -> Iterator[RemoteEvent]:
        if self._main_id not in {None, main.id} and self._shown:
            raise AnswerReplaced
        self._main_id = main.id
        text = main.text
        if self.said:
            text = text[len(self.said) :] if text.startswith(self.said) else text
        if not text.startswith(self._shown):
            raise AnswerReplaced
        if delta := text[len(self._shown) :]:
            self._shown = text
            yield RemoteText(delta)

    def _news_of_files(self, main: _Artifact) -> Iterator[RemoteEvent]:
        files = [each for each in main.parts if "raw" in each or "url" in each]
        rest = [each for each in main.parts if "data" in each]
        shown = [each for each in main.shown if each in files]
        for part in files[len(shown) :]:
            block = block_of(part) or {}
            source = block["source"]
            media_type, name = source["media_type"], block.get("name")
            yield RemoteFile(media_type, source.get("data"), source.get("url"), name)
        if [each for each in main.shown if "data" in each] != rest:
            yield RemoteAside(_artifact_event(main, f"{main.id}-data", rest, append=False))
        main.shown = [*files, *rest]

    def _progress(self) -> Iterator[RemoteEvent]:
        message = words_of((self._status.get("message") or {}).get("parts", ()))
        now = (self.state, message)
        if self.task_id and not self.is_at_rest and now != self._activity:
            self._activity = now
            content: dict[str, Any] = {"agent_id": self.agent_id, "task_id": self.task_id}
            content |= {"state": self.state, "message": message}
            yield RemoteAside(
                ActivitySnapshot(
                    activity_id=f"remote_task_{self.task_id}",
                    activity_type="remote_task",
                    content=content,
                )
            )

    # --- the end ----------------------------------------------------------------------------------

    def rest(self) -> Iterator[RemoteEvent]:
        """What is left to say once the task is at rest; raises `ProviderError` when it failed."""
        words = words_of((self._status.get("message") or {}).get("parts", ()))
        if self.state == "rejected":
            raise RemoteRejected(words or "the remote agent rejected the task")
        if self.state in {"failed", "canceled"}:
            said = "failed" if self.state == "failed" else "was cancelled by the remote agent"
            reason = words or f"the remote task {said}"
            if self.state == "canceled":
                reason = f"the remote task {said}" + (f": {words}" if words else "")
            raise ProviderError(reason, code="server_error", retryable=False)
        if not self._shown:
            yield from self._instead(words)
        if self.state in INTERRUPTED:
            yield self._question(words)

    def _instead(self, words: str) -> Iterator[RemoteEvent]:
        """For an answer without a text of its own."""
        talk = [each for each in self._history if each.get("role") == "ROLE_AGENT"]
        last = text_of(talk[-1].get("parts", ())) if talk else ""
        quiet = any(each.parts for each in self._artifacts.values()) and not self.said
        text = words or ("" if quiet else last or self.text)
        if text:
            yield RemoteText(text)

    def _question(self, words: str) -> RemoteQuestion:
        parts = (self._status.get("message") or {}).get("parts", ())
        kind: QuestionKind = "auth" if self.state == "auth_required" else "input"
        return RemoteQuestion(kind, words or self._shown, data_of(parts))


def _news_of_artifact(artifact: _Artifact) -> Iterator[RemoteEvent]:
    shown, parts = artifact.shown, artifact.parts
    if parts == shown:
        return
    grows = bool(shown) and parts[: len(shown)] == shown
    new = parts[len(shown) :] if grows else parts
    artifact.shown = list(parts)
    yield RemoteAside(_artifact_event(artifact, artifact.id, new, append=grows))


def _artifact_event(
    artifact: _Artifact, artifact_id: str, parts: list[dict[str, Any]], *, append: bool
) -> ArtifactUpdated:
    blocks = [block for each in parts if (block := block_of(each))]
    return ArtifactUpdated(
        artifact_id=artifact_id,
        name=artifact.about.get("name"),
        description=artifact.about.get("description"),
        parts=blocks,
        append=append,
        metadata=artifact.about.get("metadata") or {},
    )
