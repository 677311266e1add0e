"""The fold of a remote task's updates into what is said here."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentserver_a2a.client.answer import Answer
from agentserver_a2a.client.words import plain
from runs.events.types import ArtifactUpdated
from runs.providers.errors import ProviderError
from runs.providers.remote import (
    AnswerReplaced,
    RemoteAside,
    RemoteEvent,
    RemoteQuestion,
    RemoteText,
)
from tests.faces.a2a_remote import chunk, completed, parts, status

PIECES = st.lists(st.text(max_size=5), min_size=1, max_size=8)


def snapshot(
    text: str = "", state: str = "WORKING", artifact: str = "response", **more: Any
) -> dict[str, Any]:
    told = [{"artifactId": artifact, "name": artifact, "parts": [{"text": text}]}] if text else []
    task = {"id": "t", "contextId": "c", "status": {"state": f"TASK_STATE_{state}"}}
    return {"task": task | {"artifacts": told} | more}


def heard(answer: Answer, *updates: dict[str, Any]) -> list[RemoteEvent]:
    """What is said beside progress, with the end if the task is at rest."""
    found = [event for update in updates for event in answer.take(update)]
    found += answer.rest() if answer.is_at_rest else []
    return [event for event in found if not _is_progress(event)]


def _is_progress(event: RemoteEvent) -> bool:
    return isinstance(event, RemoteAside) and event.event.type == "activity_snapshot"


def text_of(events: list[RemoteEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, RemoteText))


@given(pieces=PIECES, cut=st.integers(0, 8))
def test_it_says_exactly_the_text_whatever_the_stream_looks_like(
    pieces: list[str], cut: int
) -> None:
    updates = [chunk(piece, append=bool(at)) for at, piece in enumerate(pieces)]
    # The stream breaks at some place, and a new one begins with the task as it is by then.
    updates.insert(min(cut, len(updates)), snapshot("".join(pieces[:cut])))
    events = heard(Answer("a"), *updates, completed())
    assert text_of(events) == "".join(pieces)


def test_it_keeps_the_sentences_of_a_question_apart() -> None:
    said = [{"text": "May I delete it?"}, {"text": "It is old."}]
    message = {"messageId": "m", "role": "ROLE_AGENT", "parts": said}
    asked = {"state": "TASK_STATE_INPUT_REQUIRED", "message": message}
    events = heard(Answer("a"), {"statusUpdate": {"status": asked}})
    (question,) = [event for event in events if isinstance(event, RemoteQuestion)]
    assert question.message == "May I delete it?\nIt is old."


def test_it_begins_anew_when_the_text_is_replaced() -> None:
    answer = Answer("a")
    heard(answer, chunk("one"))
    with pytest.raises(AnswerReplaced):
        heard(answer, chunk("two"))


def test_it_does_not_repeat_what_was_said_before_the_question() -> None:
    events = heard(Answer("a", said="Before. "), snapshot("Before. "), chunk("After."), completed())
    assert text_of(events) == "After."


def test_it_goes_on_where_the_question_interrupted_the_text() -> None:
    grown = chunk("After.", append=True)
    events = heard(Answer("a", said="Before. "), snapshot("Before. "), grown, completed())
    assert text_of(events) == "After."


def test_it_prefers_artifacts_to_talk() -> None:
    assert text_of(heard(Answer("a"), chunk("answer"), completed("talk"))) == "answer"


def test_it_takes_the_status_message_when_there_is_no_artifact() -> None:
    assert text_of(heard(Answer("a"), snapshot(), completed("talk"))) == "talk"


def test_it_takes_the_last_word_of_the_history_when_nothing_else_is_said() -> None:
    history = [
        {"role": role, "messageId": role, "parts": [{"text": text}]}
        for role, text in (("ROLE_AGENT", "old"), ("ROLE_AGENT", "last"), ("ROLE_USER", "mine"))
    ]
    assert text_of(heard(Answer("a"), snapshot(state="COMPLETED", history=history))) == "last"


def test_it_takes_a_direct_message() -> None:
    message = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}
    answer = Answer("a")
    assert text_of(heard(answer, {"message": message | {"contextId": "c"}})) == "hello"
    assert (answer.task_id, answer.context_id) == ("", "c")


def test_it_takes_the_artifact_called_response_for_the_answer() -> None:
    told = heard(Answer("a"), parts({"data": 1}, artifact="x"), chunk("answer"), completed())
    artifacts = [each.event for each in told if isinstance(each, RemoteAside)]
    assert text_of(told) == "answer"
    assert [each.artifact_id for each in artifacts if isinstance(each, ArtifactUpdated)] == ["x"]


def test_it_appends_to_other_artifacts_only_what_is_new() -> None:
    answer = Answer("a")
    heard(answer, chunk("answer"), parts({"data": 1}, artifact="x"))
    (grown,) = heard(answer, parts({"data": 2}, artifact="x", append=True))
    assert isinstance(grown, RemoteAside)
    event = grown.event
    assert isinstance(event, ArtifactUpdated)
    assert (event.append, event.parts) == (True, [{"type": "data", "data": 2}])


def test_it_reads_numbers_and_texts_as_they_were_meant() -> None:
    read = plain({"n": 3.0, "x": [0.5, True, None], "far": 1e300, "text": "a\x00b"})
    assert str(read) == str({"n": 3, "x": [0.5, True, None], "far": 1e300, "text": "a\ufffdb"})


def test_it_asks_with_the_words_of_the_status() -> None:
    said = heard(Answer("a"), chunk("Hm."), status("INPUT_REQUIRED", "Which?", options=2))
    assert said == [RemoteText("Hm."), RemoteQuestion("input", "Which?", {"options": 2})]


def test_it_refuses_to_collect_artifacts_without_end() -> None:
    answer = Answer("a")
    with pytest.raises(ProviderError, match="too many"):
        heard(answer, *(parts({"data": 1}, artifact=f"x{number}") for number in range(1001)))
