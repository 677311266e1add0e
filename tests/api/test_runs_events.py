"""The event routes: pages, and streams that are taken up again."""

from typing import Any

import pytest

from runs.events import cursor
from runs.models import Run
from tests.api.conftest import JsonClient
from tests.api.native_stream import (
    ECHO,
    calling,
    events,
    ids,
    kinds,
    new_thread,
    run_to_end,
    submit,
)
from tests.api.rows import run, thread
from tests.api.tools import echo_tool
from tests.engine_fixture import Engine


@pytest.fixture
def caller(engine: Engine) -> str:
    engine.tool(echo_tool)
    return engine.agent("caller", calling("echo_tool"), tools=[echo_tool])


def pages(api: JsonClient, path: str, limit: int) -> list[dict[str, Any]]:
    """All entries, page after page."""
    entries: list[dict[str, Any]] = []
    position: str | None = ""
    while position is not None:
        answer = api.get(path, limit=limit, cursor=position)
        assert answer.status_code == 200, answer.content
        page = answer.json()
        assert page["has_more"] == (page["next_cursor"] is not None)
        assert len(page["items"]) <= max(limit, 2)
        entries += page["items"]
        position = page["next_cursor"]
    return entries


def follow(api: JsonClient, path: str, position: str) -> bytes:
    stream = api.client.get(f"{path}/stream", headers={"Last-Event-ID": position})
    assert stream.status_code == 200, stream.content
    content: bytes = stream.getvalue()
    return content


def until_finished(stream: Any, *, runs: int) -> list[dict[str, Any]]:
    """The entries of a stream that stays open, until so many runs have finished."""
    entries: list[dict[str, Any]] = []
    for chunk in stream:
        entries += events(chunk)
        if kinds(entries).count("run_finish") == runs:
            break
    stream.close()
    return entries


# --- runs ------------------------------------------------------------------------------------


def test_it_lists_what_the_stream_said(engine: Engine, api: JsonClient, caller: str) -> None:
    answer = run_to_end(api, caller)
    run_id = answer.headers["x-run-id"]
    page = api.get(f"/v1/runs/{run_id}/events", limit=200).json()
    assert [entry["payload"] for entry in page["items"]] == events(answer.body)
    first = page["items"][0]
    assert set(first) == {
        "cursor",
        "seq",
        "run_id",
        "thread_id",
        "event_type",
        "payload",
        "created_at",
    }
    assert (first["run_id"], first["event_type"]) == (run_id, "run_start")


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_it_pages_without_loss_or_repetition(
    engine: Engine, api: JsonClient, caller: str, limit: int
) -> None:
    answer = run_to_end(api, caller)
    entries = pages(api, f"/v1/runs/{answer.headers['x-run-id']}/events", limit)
    assert [entry["payload"] for entry in entries] == events(answer.body)


def test_it_follows_from_any_entry(engine: Engine, api: JsonClient, caller: str) -> None:
    run_id = run_to_end(api, caller).headers["x-run-id"]
    path = f"/v1/runs/{run_id}/events"
    entries = pages(api, path, 200)
    for entry in entries:
        seen = cursor.decode_run(entry["cursor"], run_id)
        later = [each for each in entries if each["seq"] > seen]
        assert events(follow(api, path, entry["cursor"])) == later


def test_it_follows_from_the_beginning(engine: Engine, api: JsonClient, caller: str) -> None:
    answer = run_to_end(api, caller)
    path = f"/v1/runs/{answer.headers['x-run-id']}/events/stream"
    entries = events(api.client.get(f"{path}?cursor=0").getvalue())
    assert [entry["payload"] for entry in entries] == events(answer.body)


def test_it_prefers_the_query_to_the_header(engine: Engine, api: JsonClient, caller: str) -> None:
    answer = run_to_end(api, caller)
    path = f"/v1/runs/{answer.headers['x-run-id']}/events/stream"
    last = ids(answer.body)[-1]
    stream = api.client.get(f"{path}?cursor=0", headers={"Last-Event-ID": last})
    assert len(ids(stream.getvalue())) == len(ids(answer.body))


def test_it_starts_with_what_comes_next(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool, needs_approval=True)
    engine.agent("asker", calling("echo_tool"), tools=[echo_tool])
    run_id = run_to_end(api, "asker").headers["x-run-id"]
    stream = api.client.get(f"/v1/runs/{run_id}/events/stream")
    api.post(f"/v1/runs/{run_id}/decision", {"toolCallId": "c1", "action": "resume"})
    entries = events(stream.getvalue())
    assert kinds(entries)[0] == "run_start"
    assert entries[-1]["payload"]["termination"] == {"type": "natural_end"}
    snapshot = entries[-2]["payload"]["snapshot"]
    assert snapshot["revision"] == Run.objects.get(pk=run_id).last_seq


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("position", "status"), [("nonsense", 400), ("5-deadbeef", 400), ("99", 410)]
)
@pytest.mark.parametrize("route", ["events", "events/stream"])
def test_it_refuses_a_cursor_of_nowhere(
    api: JsonClient, position: str, status: int, route: str
) -> None:
    done = run(thread(), last_seq=3, turn=1)
    answer = api.get(f"/v1/runs/{done.pk}/{route}", cursor=position)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["abc", "-1"])
def test_it_refuses_a_limit_it_cannot_read(api: JsonClient, limit: str) -> None:
    done = run(thread())
    assert api.get(f"/v1/runs/{done.pk}/events", limit=limit).status_code == 400


# --- threads ---------------------------------------------------------------------------------


def test_it_lists_the_runs_of_a_thread_one_after_the_other(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    said = [events(run_to_end(api, "echo", text, threadId="t").body) for text in ("one", "two")]
    entries = pages(api, "/v1/threads/t/events", 4)
    assert [entry["payload"] for entry in entries] == said[0] + said[1]
    assert len({entry["cursor"] for entry in entries}) > 10


def test_it_follows_a_thread_across_runs(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    engine.finished(submit(api, thread_id, "echo", "one")["run_id"])
    middle = pages(api, f"/v1/threads/{thread_id}/events", 200)[3]
    stream = api.client.get(
        f"/v1/threads/{thread_id}/events/stream", headers={"Last-Event-ID": middle["cursor"]}
    )
    engine.finished(submit(api, thread_id, "echo", "two")["run_id"])
    entries = until_finished(stream, runs=2)
    assert kinds(entries).count("run_start") == 1
    assert entries[0]["seq"] > middle["seq"]


def test_it_starts_a_thread_with_what_comes_next(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    thread_id = new_thread(api)
    engine.finished(submit(api, thread_id, "echo", "one")["run_id"])
    stream = api.client.get(f"/v1/threads/{thread_id}/events/stream")
    second = submit(api, thread_id, "echo", "two")["run_id"]
    assert {entry["run_id"] for entry in until_finished(stream, runs=1)} == {second}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["threads/no/events", "threads/no/events/stream"])
def test_it_answers_404_to_an_unknown_thread(api: JsonClient, path: str) -> None:
    answer = api.get(f"/v1/{path}")
    assert (answer.status_code, answer.json()["error"]) == (404, "thread not found: no")


@pytest.mark.django_db
@pytest.mark.parametrize("route", ["events", "events/stream"])
def test_it_refuses_the_cursor_of_a_run_for_a_thread(api: JsonClient, route: str) -> None:
    thread("t")
    assert api.get(f"/v1/threads/t/{route}", cursor="5-deadbeef").status_code == 400


@pytest.mark.django_db
def test_it_hides_the_events_of_other_resources(bound: JsonClient) -> None:
    theirs = run(thread("theirs", resource_id="other"))
    for path in (f"runs/{theirs.pk}", "threads/theirs"):
        for route in ("events", "events/stream"):
            assert bound.get(f"/v1/{path}/{route}").status_code == 404
