"""Reading runs: records, pages, filters, the latest and the active one."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.models import Run
from tests.api.conftest import JsonClient
from tests.api.rows import BASE, call, job, run, thread

pytestmark = pytest.mark.django_db


def items(answer: Any) -> list[str]:
    return [item["run_id"] for item in answer.json()["items"]]


# --- the record ------------------------------------------------------------------------------


def test_it_shows_all_members_of_a_finished_run(api: JsonClient) -> None:
    owner = thread()
    parent = run(owner)
    done = run(
        owner,
        agent_id="assistant",
        parent=parent,
        steps=2,
        input_tokens=812,
        output_tokens=143,
        final_output="Hi",
        last_seq=14,
        started_at=BASE,
        config_version=3,
    )
    newest = [job(done, second=second) for second in (1, 2)][-1]
    at = int(BASE.timestamp())
    assert api.get(f"/v1/runs/{done.pk}").json() == {
        "run_id": done.pk,
        "thread_id": owner.pk,
        "agent_id": "assistant",
        "parent_run_id": parent.pk,
        "job_id": newest.pk,
        "dispatch_id": newest.pk,
        "status": "done",
        "termination_code": "natural",
        "termination_reason": {"type": "natural_end"},
        "final_output": "Hi",
        "error_payload": None,
        "waiting": None,
        "created_at": at,
        "updated_at": at,
        "started_at": at,
        "finished_at": at,
        "steps": 2,
        "input_tokens": 812,
        "output_tokens": 143,
        "config_version": 3,
        "state": {
            "revision": 14,
            "extensions": {
                "__runtime.run_lifecycle": {
                    "run_id": done.pk,
                    "status": "done",
                    "status_reason": "natural",
                    "updated_at": at * 1000,
                    "step_count": 2,
                },
                "__runtime.tool_call_states": {"calls": {}},
            },
        },
    }


def test_it_shows_what_a_waiting_run_waits_for(api: JsonClient) -> None:
    waiting = run(thread(), status="waiting", steps=1)
    call(waiting, "c0", step=0)
    call(waiting, "c1", step=1, status="suspended")
    call(waiting, "c2", step=1)
    record = api.get(f"/v1/runs/{waiting.pk}").json()
    assert (record["status"], record["termination_code"]) == ("waiting", "suspended")
    assert record["finished_at"] is None
    assert record["waiting"]["reason"] == "tool_permission"
    assert record["waiting"]["ticket_ids"] == ["perm_c1"]
    (ticket,) = record["waiting"]["tickets"]
    assert (ticket["tool_call_id"], ticket["tool_name"]) == ("c1", "rm")
    assert ticket["arguments"] == {"path": "/x"}
    assert ticket["resume_mode"] == "replay_tool_call"
    states = record["state"]["extensions"]["__runtime.tool_call_states"]["calls"]
    assert {each: states[each]["status"] for each in states} == {
        "c1": "suspended",
        "c2": "succeeded",
    }


@pytest.mark.parametrize(
    ("code", "detail", "shown", "reason"),
    [
        ("cancelled", "", "cancelled", {"type": "cancelled"}),
        ("error", "broken", "error", {"type": "error", "value": "broken"}),
        (
            "stopped:max_rounds",
            "16 rounds",
            "stopped:max_rounds",
            {"type": "stopped", "value": {"code": "max_rounds", "detail": "16 rounds"}},
        ),
        ("blocked", "denied", "blocked:denied", {"type": "blocked", "value": "denied"}),
    ],
)
def test_it_tells_why_a_run_ended(
    api: JsonClient, code: str, detail: str, shown: str, reason: dict[str, Any]
) -> None:
    ended = run(thread(), termination_code=code, termination_detail=detail)
    record = api.get(f"/v1/runs/{ended.pk}").json()
    assert (record["termination_code"], record["termination_reason"]) == (shown, reason)


def test_it_answers_404_to_an_unknown_run(api: JsonClient) -> None:
    answer = api.get("/v1/runs/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "run not found: nothing")


# --- pages -----------------------------------------------------------------------------------


def test_it_lists_the_oldest_first(api: JsonClient) -> None:
    owner = thread()
    made = [run(owner, second=second) for second in (3, 1, 2)]
    answer = api.get("/v1/runs")
    assert items(answer) == [made[1].pk, made[2].pk, made[0].pk]
    assert answer.json()["total"] == 3
    assert answer.json()["has_more"] is False


def test_it_lists_the_runs_of_one_thread(api: JsonClient) -> None:
    owner, other = thread(), thread()
    mine = run(owner)
    run(other)
    assert items(api.get(f"/v1/threads/{owner.pk}/runs")) == [mine.pk]


def test_it_lists_nothing_for_an_unknown_thread(api: JsonClient) -> None:
    assert api.get("/v1/threads/nothing/runs").json() == {
        "items": [],
        "total": 0,
        "has_more": False,
        "next_cursor": None,
    }


@pytest.mark.parametrize("status", Run.Status.values)
def test_it_filters_by_status(api: JsonClient, status: str) -> None:
    owner = thread()
    made = {each: run(owner, status=each) for each in Run.Status.values}
    assert items(api.get("/v1/runs", status=status)) == [made[status].pk]


def test_it_refuses_a_status_that_does_not_exist(api: JsonClient) -> None:
    answer = api.get("/v1/runs", status="invalid")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid status filter: invalid")


def test_it_walks_all_runs_by_cursor(api: JsonClient) -> None:
    owner = thread()
    made = [run(owner, second=number // 3).pk for number in range(10)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = api.get("/v1/runs", limit=4, cursor=cursor)
        seen += items(answer)
        cursor = answer.json()["next_cursor"]
    assert sorted(seen) == sorted(made)
    assert len(seen) == 10


def test_it_skips_to_an_offset(api: JsonClient) -> None:
    owner = thread()
    made = [run(owner, second=number).pk for number in range(5)]
    answer = api.get("/v1/runs", offset=1, limit=2)
    assert items(answer) == made[1:3]
    assert (answer.json()["total"], answer.json()["has_more"]) == (5, True)


def test_it_reads_a_page_of_any_size_with_as_many_queries(api: JsonClient) -> None:
    owner = thread()
    counts = []
    for size in (2, 30):
        for number in range(size):
            made = run(owner, second=number, status="waiting", steps=1)
            call(made, "c1", step=1, status="suspended")
            job(made)
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get("/v1/runs", limit=200).json()["items"]) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


def test_it_leaves_the_request_of_a_run_in_the_database(api: JsonClient) -> None:
    run(thread(), request_extras={"frontend_tools": [{"name": "big"}]})
    with CaptureQueriesContext(connection) as queries:
        api.get("/v1/runs")
    assert not any("request_extras" in query["sql"] for query in queries)


# --- latest and active -----------------------------------------------------------------------


def test_it_finds_the_latest_run(api: JsonClient) -> None:
    owner = thread()
    run(owner, second=1)
    newest = run(owner, second=5)
    run(owner, second=3)
    assert api.get(f"/v1/threads/{owner.pk}/runs/latest").json()["run_id"] == newest.pk


def test_it_answers_404_without_a_latest_run(api: JsonClient) -> None:
    answer = api.get("/v1/threads/t/runs/latest")
    assert answer.status_code == 404
    assert answer.json()["error"] == "run not found: no runs for thread t"


def test_it_finds_the_run_that_holds_the_thread(api: JsonClient) -> None:
    owner = thread()
    run(owner, turn=1)
    run(owner, status="created", second=0)
    waiting = run(owner, status="waiting", turn=2, second=9)
    call(waiting, "c1", status="suspended")
    active = api.get(f"/v1/threads/{owner.pk}/runs/active").json()["active_run"]
    assert (active["run_id"], active["thread_id"]) == (waiting.pk, owner.pk)
    assert active["waiting"]["ticket_ids"] == ["perm_c1"]


def test_it_finds_no_active_run_on_an_idle_thread(api: JsonClient) -> None:
    owner = thread()
    run(owner)
    assert api.get(f"/v1/threads/{owner.pk}/runs/active").json() == {"active_run": None}


# --- who may see what ------------------------------------------------------------------------


def test_it_hides_the_runs_of_other_resources(bound: JsonClient) -> None:
    mine, other = run(thread(resource_id="mine")), run(thread("theirs", resource_id="other"))
    assert items(bound.get("/v1/runs")) == [mine.pk]
    assert bound.get(f"/v1/runs/{other.pk}").status_code == 404
    assert bound.get("/v1/threads/theirs/runs").json()["items"] == []
    assert bound.get("/v1/threads/theirs/runs/latest").status_code == 404
    assert bound.get("/v1/threads/theirs/runs/active").json() == {"active_run": None}
