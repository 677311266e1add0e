"""Reading the mailbox of a thread."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.models import Job, Run
from tests.api.conftest import JsonClient
from tests.api.rows import BASE, job, message, run, thread

pytestmark = pytest.mark.django_db


def ids(answer: Any) -> list[str]:
    return [item["job_id"] for item in answer.json()["items"]]


def test_it_shows_all_members_of_a_job(api: JsonClient) -> None:
    owner = thread("t")
    waiting = run(owner, status="created", agent_id="assistant", input_from_seq=1, input_to_seq=1)
    message(waiting, "hi", seq=1, message_id="m1")
    made = job(waiting, available_at=BASE)
    at = int(BASE.timestamp()) * 1000
    (item,) = api.get("/v1/threads/t/mailbox").json()["items"]
    assert item == {
        "job_id": made.pk,
        "dispatch_id": made.pk,
        "mailbox_id": "t",
        "thread_id": "t",
        "run_id": waiting.pk,
        "agent_id": "assistant",
        "messages": [
            {
                "id": "m1",
                "role": "user",
                "content": [{"type": "text", "text": "hi"}],
                "metadata": {"run_id": waiting.pk},
            }
        ],
        "origin": "User",
        "sender_id": None,
        "parent_run_id": None,
        "dedupe_key": None,
        "run_status": "created",
        "termination": None,
        "run_error": None,
        "priority": 128,
        "generation": 0,
        "dispatch_epoch": 0,
        "status": "Queued",
        "available_at": at,
        "attempt_count": 0,
        "max_attempts": 5,
        "last_error": None,
        "claim_token": None,
        "claimed_by": None,
        "lease_until": None,
        "created_at": at,
        "updated_at": at,
    }


def test_it_keeps_the_claim_token_to_itself(api: JsonClient) -> None:
    claimed = run(thread("t"), status="running")
    job(claimed, state=Job.State.CLAIMED, claim_token="secret", claimed_by="w")
    answer = api.get("/v1/threads/t/mailbox")
    assert answer.json()["items"][0]["claimed_by"] == "w"
    assert b"secret" not in answer.content


def test_it_shows_what_a_request_brought_along(api: JsonClient) -> None:
    extras = {"frontend_tools": [{"name": "x"}]}
    job(run(thread("t"), request_extras=extras))
    assert api.get("/v1/threads/t/mailbox").json()["items"][0]["request_extras"] == extras


def test_it_tells_the_outcome_of_the_run(api: JsonClient) -> None:
    failed = run(
        thread("t"),
        termination_code="error",
        termination_detail="broken",
        error_payload={"message": "broken"},
    )
    job(failed, state=Job.State.DEAD_LETTER, last_error="broken")
    (item,) = api.get("/v1/threads/t/mailbox").json()["items"]
    assert item["termination"] == {"type": "error", "value": "broken"}
    assert item["run_error"] == item["last_error"] == "broken"


def test_it_shows_only_the_input_of_the_run(api: JsonClient) -> None:
    done = run(thread("t"), input_from_seq=2, input_to_seq=2)
    message(done, "input", seq=2)
    message(done, "answer", seq=3, role="assistant", step_index=0)
    message(done, "joined later", seq=4, step_index=1)
    message(done, "not taken up yet", seq=5)
    job(done)
    (item,) = api.get("/v1/threads/t/mailbox").json()["items"]
    assert [each["content"][0]["text"] for each in item["messages"]] == ["input"]


def test_it_lists_the_most_urgent_first(api: JsonClient) -> None:
    owner = thread("t")
    made = [
        job(run(owner), priority=priority, second=second).pk
        for priority, second in ((200, 0), (10, 3), (128, 2), (128, 1))
    ]
    assert ids(api.get("/v1/threads/t/mailbox")) == [made[1], made[3], made[2], made[0]]


def test_it_pages_and_filters(api: JsonClient) -> None:
    owner = thread("t")
    states = (Job.State.QUEUED, Job.State.ACCEPTED, Job.State.QUEUED)
    made = [job(run(owner), second=at, state=state).pk for at, state in enumerate(states)]
    answer = api.get("/v1/threads/t/mailbox", offset=1, limit=1)
    assert ids(answer) == [made[1]]
    assert (answer.json()["total"], answer.json()["has_more"]) == (3, True)
    assert ids(api.get("/v1/threads/t/mailbox", status="Queued")) == [made[0], made[2]]


def test_it_refuses_a_status_that_does_not_exist(api: JsonClient) -> None:
    answer = api.get("/v1/threads/t/mailbox", status="queued")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid status filter: queued")


def test_it_is_empty_for_an_unknown_thread(api: JsonClient) -> None:
    answer = api.get("/v1/threads/nothing/mailbox")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


def test_it_hides_the_jobs_of_other_resources(bound: JsonClient) -> None:
    job(run(thread("theirs", resource_id="other")))
    assert bound.get("/v1/threads/theirs/mailbox").json()["total"] == 0


def test_it_reads_a_page_of_any_size_with_as_many_queries(api: JsonClient) -> None:
    owner = thread("t")
    counts = []
    for size in (2, 30):
        for number in range(size):
            seq = Run.objects.count() + 1
            made = run(owner, second=number, input_from_seq=seq, input_to_seq=seq)
            message(made, "x", seq=seq)
            job(made)
        with CaptureQueriesContext(connection) as queries:
            assert len(ids(api.get("/v1/threads/t/mailbox", limit=200))) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
