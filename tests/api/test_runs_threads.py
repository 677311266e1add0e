"""Threads as far as runs matter: summaries, run ids and deletion."""

from typing import Any

import pytest

from runs.models import Job, Run
from tests.api.conftest import JsonClient, keyed
from tests.api.native_stream import ECHO, calling, new_thread, run_to_end, submit
from tests.api.rows import BASE, run, thread
from tests.api.tools import echo_tool, waiting_tool
from tests.engine_fixture import Engine
from threads.models import Message, Thread

# --- summaries -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_summarises_threads_with_the_agent_of_their_latest_run(api: JsonClient) -> None:
    owner = thread(title="Trip", resource_id="u")
    run(owner, agent_id="first", second=1)
    run(owner, agent_id="last", second=2)
    (item,) = api.get("/v1/threads/summaries").json()["items"]
    assert item == {
        "id": owner.pk,
        "title": "Trip",
        "updated_at": round(owner.updated_at.timestamp() * 1000 - 0.5),
        "agent_id": "last",
        "resource_id": "u",
        "parent_thread_id": None,
    }


@pytest.mark.django_db
def test_it_summarises_a_thread_without_anything(api: JsonClient) -> None:
    parent = thread()
    thread(parent=parent)
    item = api.get("/v1/threads/summaries", parent_thread_id=parent.pk).json()["items"][0]
    assert (item["title"], item["agent_id"], item["resource_id"]) == (None, None, None)
    assert item["parent_thread_id"] == parent.pk


@pytest.mark.django_db
def test_it_pages_summaries_like_threads(api: JsonClient) -> None:
    for _ in range(5):
        thread()
    first = api.get("/v1/threads/summaries", limit=2).json()
    assert (first["total"], first["limit"], first["has_more"]) == (5, 2, True)
    second = api.get("/v1/threads/summaries", limit=2, cursor=first["next_cursor"]).json()
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == api.get("/v1/threads", limit=4).json()["items"]


@pytest.mark.django_db
def test_it_summarises_any_page_with_as_many_queries(
    api: JsonClient, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        run(thread(), second=number)
    with django_assert_max_num_queries(2):
        assert len(api.get("/v1/threads/summaries").json()["items"]) == 20


# --- run ids ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_points_at_the_runs_of_a_thread(api: JsonClient) -> None:
    owner = thread()
    run(owner, turn=1, second=1)
    executing = run(owner, turn=2, status="running", second=2)
    queued = run(owner, status="created", second=3)
    body = api.get(f"/v1/threads/{owner.pk}").json()
    assert body["active_run_id"] == body["open_run_id"] == executing.pk
    assert body["latest_run_id"] == queued.pk
    assert body["latest_run_updated_at"] == (int(BASE.timestamp()) + 3) * 1000


@pytest.mark.django_db
def test_it_has_no_active_run_while_one_waits(api: JsonClient) -> None:
    owner = thread()
    waiting = run(owner, turn=1, status="waiting")
    body = api.patch(f"/v1/threads/{owner.pk}", {"title": "x"}).json()
    assert body["open_run_id"] == waiting.pk
    assert "active_run_id" not in body


@pytest.mark.django_db
def test_it_shows_a_thread_without_runs_as_it_is(api: JsonClient) -> None:
    body = api.get(f"/v1/threads/{thread().pk}").json()
    assert set(body) == {"id", "metadata"}


@pytest.mark.django_db
def test_it_patches_metadata_through_the_alias(api: JsonClient) -> None:
    owner = thread()
    path = f"/v1/threads/{owner.pk}/metadata"
    assert api.patch(path, {"title": "new"}).json()["metadata"]["title"] == "new"
    assert api.get(path).status_code == 405
    assert api.client.delete(path).status_code == 405


# --- deletion --------------------------------------------------------------------------------


def test_it_deletes_a_thread_with_everything(engine: Engine, api: JsonClient) -> None:
    engine.agent("echo", ECHO)
    run_to_end(api, "echo", threadId="t")
    answer = api.client.delete("/v1/threads/t")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get("/v1/threads/t").status_code == 404
    assert not any(model.objects.exists() for model in (Run, Job, Message))


@pytest.mark.django_db
def test_it_answers_404_when_there_is_nothing_to_delete(api: JsonClient) -> None:
    answer = api.client.delete("/v1/threads/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "thread not found: nothing")


def test_it_does_not_bring_a_deleted_thread_back(engine: Engine, api: JsonClient) -> None:
    gate = engine.gate()
    engine.tool(waiting_tool(gate))
    engine.agent("slow", calling("wait"), tools=["wait"])
    thread_id = new_thread(api)
    submitted = submit(api, thread_id, "slow")
    engine.running(submitted["run_id"])
    assert api.client.delete(f"/v1/threads/{thread_id}").status_code == 204
    gate.set()
    engine.stop()
    assert not Thread.objects.exists()


def test_it_ends_the_stream_of_a_deleted_run(engine: Engine, api: JsonClient) -> None:
    engine.tool(echo_tool, needs_approval=True)
    engine.agent("asker", calling("echo_tool"), tools=[echo_tool])
    answer = api.post(
        "/v1/runs",
        {"agentId": "asker", "threadId": "t", "messages": [{"role": "user", "content": "x"}]},
    )
    engine.suspended(answer.headers["x-run-id"])
    api.client.delete("/v1/threads/t")
    assert b'"termination":{"type":"cancelled"}' in answer.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("strategy", "status", "left"),
    [
        ("", 204, {"child": None}),
        ("?child_strategy=detach", 204, {"child": None}),
        ("?childStrategy=reject", 400, {"parent": None, "child": "parent"}),
        ("?childStrategy=cascade", 204, {}),
        ("?childStrategy=burn", 400, {"parent": None, "child": "parent"}),
    ],
)
def test_it_treats_children_as_asked(
    api: JsonClient, strategy: str, status: int, left: dict[str, str | None]
) -> None:
    thread("child", parent=thread("parent"))
    assert api.client.delete(f"/v1/threads/parent{strategy}").status_code == status
    assert dict(Thread.objects.values_list("pk", "parent_id")) == left


@pytest.mark.django_db
def test_it_leaves_the_children_of_another_resource(open_access: None) -> None:
    ours = thread("parent", resource_id="ours")
    thread("mine", parent=ours, resource_id="ours")
    theirs = thread("theirs", parent=ours, resource_id="theirs")
    thread("grandchild", parent=theirs, resource_id="theirs")
    caller = keyed("run", resource_id="ours")
    assert caller.client.delete("/v1/threads/parent?child_strategy=cascade").status_code == 204
    left = dict(Thread.objects.values_list("pk", "parent_id"))
    assert left == {"theirs": None, "grandchild": "theirs"}


@pytest.mark.django_db
def test_it_does_not_delete_the_thread_of_another_resource(bound: JsonClient) -> None:
    thread("theirs", resource_id="other")
    assert bound.client.delete("/v1/threads/theirs").status_code == 404
    assert Thread.objects.exists()
