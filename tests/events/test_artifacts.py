"""Artifacts: folded from events, kept in rows along with the segment that holds the events."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agentserver.core.ids import MAX_LENGTH
from runs.events import log
from runs.events.artifacts import Artifact, fold_artifacts
from runs.events.types import AnyEvent, ArtifactUpdated, Record, StepReset
from runs.models import Run
from runs.selectors import artifacts_of
from tests.events.samples import AT, delta, make_run

DATA = {"type": "data", "data": {"b": None, "a": [1, 1.0, 2**53 + 1]}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def piece(artifact_id: str, *parts: dict[str, Any], **more: Any) -> ArtifactUpdated:
    return ArtifactUpdated(artifact_id=artifact_id, parts=list(parts), **more)


def numbered(*events: AnyEvent, start: int = 1) -> list[Record]:
    return [Record(seq, AT, event) for seq, event in enumerate(events, start)]


def parts_after(*events: AnyEvent) -> dict[str, list[dict[str, Any]]]:
    folded = fold_artifacts(numbered(*events))
    return {artifact_id: artifact.parts for artifact_id, artifact in folded.items()}


def test_it_appends_and_merges_neighbouring_texts() -> None:
    parts = parts_after(
        piece("a", text("one ")),
        piece("a", text("two"), DATA, text("x"), append=True),
        piece("a", text("y"), append=True),
    )
    assert parts == {"a": [text("one two"), DATA, text("xy")]}


def test_it_keeps_a_text_with_members_of_its_own_apart() -> None:
    marked = text("b", metadata={"m": 1})
    assert parts_after(piece("a", text("a"), marked, text("c"))) == {
        "a": [text("a"), marked, text("c")]
    }


def test_it_replaces_in_place() -> None:
    parts = parts_after(piece("a", text("old")), piece("b", text("b")), piece("a", text("new")))
    assert list(parts.items()) == [("a", [text("new")]), ("b", [text("b")])]


def test_it_keeps_what_an_appended_piece_does_not_name() -> None:
    events = [
        piece("a", text("1"), name="A", description="D", metadata={"x": 1}),
        piece("a", text("2"), append=True, metadata={"y": 2}),
    ]
    assert fold_artifacts(numbered(*events))["a"] == Artifact(
        "a", "A", "D", [text("12")], {"x": 1, "y": 2}
    )


def test_it_begins_with_an_appended_piece() -> None:
    assert parts_after(piece("a", text("1"), append=True)) == {"a": [text("1")]}


def test_it_forgets_what_a_reset_voided() -> None:
    reset = StepReset(step=0, after_seq=1, reason="again")
    parts = parts_after(
        piece("a", text("1")),
        piece("a", text("2"), append=True),
        piece("b", text("b")),
        reset,
        piece("a", text("3"), append=True),
    )
    assert parts == {"a": [text("13")]}


# --- rows ----------------------------------------------------------------------------------


@pytest.fixture
def run(db: None) -> Run:
    return make_run()


def stored(run: Run) -> list[Artifact]:
    return [
        Artifact(row.artifact_id, row.name, row.description, row.parts, row.metadata)
        for row in artifacts_of([run.pk])[run.pk]
    ]


def test_it_stores_over_segments_what_folding_them_gives(run: Run) -> None:
    first = numbered(piece("a", text("1"), name="A"), delta("x"), piece("b", DATA))
    second = numbered(
        piece("c", text("c")), piece("a", text("2"), append=True), piece("b", text("B")), start=4
    )
    log.append_segment(run.pk, first)
    log.append_segment(run.pk, second)
    assert stored(run) == list(fold_artifacts([*first, *second]).values())
    assert stored(run)[1].parts == [text("B")]


def test_it_stores_data_exactly(run: Run) -> None:
    log.append_segment(run.pk, numbered(piece("a", DATA)))
    (artifact,) = stored(run)
    assert repr(artifact.parts) == repr([DATA])


def test_it_stores_nothing_that_was_voided(run: Run) -> None:
    reset = StepReset(step=0, after_seq=0, reason="again")
    log.append_segment(run.pk, numbered(piece("a", text("1")), reset))
    assert stored(run) == []


@pytest.mark.parametrize("artifact_id", ["", "x" * (MAX_LENGTH + 1), "a\0b"])
def test_it_survives_any_id_and_any_name(run: Run, artifact_id: str) -> None:
    records = numbered(
        piece(artifact_id, text("1"), name="n\0"), piece(artifact_id, text("2"), append=True)
    )
    log.append_segment(run.pk, records)
    (artifact,) = stored(run)
    assert artifact == next(iter(fold_artifacts(records).values()))
    assert artifact.parts == [text("12")]


def test_it_asks_nothing_for_a_segment_without_artifacts(run: Run) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        log.append_segment(run.pk, numbered(delta("x"), delta("y")))
    assert len(queries) == 1


def test_it_reads_the_artifacts_of_many_runs_at_once(run: Run) -> None:
    other, empty = make_run(), make_run()
    log.append_segment(run.pk, numbered(piece("a", text("1")), piece("b", text("2"))))
    log.append_segment(other.pk, numbered(piece("a", text("3"))))
    with CaptureQueriesContext(connection) as queries:
        found = artifacts_of([run.pk, other.pk, empty.pk])
    assert len(queries) == 1
    ids = {run_id: [row.artifact_id for row in rows] for run_id, rows in found.items()}
    assert ids == {run.pk: ["a", "b"], other.pk: ["a"], empty.pk: []}
