"""Every route of the URL map, as the owner of a resource, a colleague, a stranger and nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from agentserver.core.api.docs import document
from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID
from tests.access.walk import (
    ALICE,
    BOB,
    CALLS,
    HIS_RUN,
    HIS_THREAD,
    MARK,
    Asked,
    build,
    caller,
    content_of,
    described_requests,
    forget,
    routes,
    rows,
)

pytestmark = pytest.mark.django_db
# What is not an operation of the API: pages, second addresses of an operation, and channels, which
# are walked by name below.
PLAIN = {
    ("post", "/v1/a2a/"),
    ("post", "/v1/a2a/{tenant}/"),
    ("get", "/"),
    ("get", "/admin"),
    ("get", "/docs"),
    ("get", "/redoc"),
    ("get", "/events/"),
    ("get", "/events/{channel}"),
}
SAY = [{"role": "user", "content": "Hello"}]
UI_SAY = [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}]
AG_SAY = [{"id": "m1", "role": "user", "content": "Hello"}]
A2A_SAY = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "yes"}]}


def rpc(method: str, **params: Any) -> Any:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


# More ways to name what is hers: in queries, in other members of bodies, as another kind of id.
BY_NAME = [
    Asked("get", f"/v1/threads?parent_thread_id={THREAD_ID}"),
    Asked("get", f"/v1/threads?resource_id={ALICE}"),
    Asked("get", f"/v1/threads/summaries?resource_id={ALICE}"),
    Asked("get", f"/v1/threads/{THREAD_ID}/messages?visibility=all"),
    Asked("get", f"/v1/ai-sdk/threads/{THREAD_ID}/messages?visibility=all"),
    Asked("get", f"/v1/threads/{HIS_THREAD}/messages?run_id={RUN_ID}"),
    Asked("get", f"/v1/threads/{HIS_THREAD}/events?cursor={RUN_ID}"),
    Asked("post", "/v1/threads", {"parent_thread_id": THREAD_ID}),
    Asked("patch", f"/v1/threads/{HIS_THREAD}", {"parent_thread_id": THREAD_ID}),
    Asked("post", "/v1/runs", {"agentId": "assistant", "threadId": THREAD_ID, "messages": SAY}),
    Asked(
        "post",
        "/v1/runs",
        {"agentId": "assistant", "parentThreadId": THREAD_ID, "messages": SAY},
    ),
    Asked("post", f"/v1/runs/{THREAD_ID}/cancel"),
    Asked("post", f"/v1/threads/{RUN_ID}/cancel"),
    Asked(
        "post",
        f"/v1/runs/{THREAD_ID}/decision",
        {"toolCallId": f"perm_{CALLS[0]}", "action": "cancel"},
    ),
    Asked("post", "/v1/ai-sdk/chat", {"threadId": THREAD_ID, "messages": UI_SAY}),
    Asked("post", "/v1/ag-ui/run", {"threadId": THREAD_ID, "messages": AG_SAY}),
    Asked("get", f"/v1/a2a/tasks?contextId={THREAD_ID}"),
    Asked("post", "/v1/a2a/message:send", {"message": {**A2A_SAY, "contextId": THREAD_ID}}),
    Asked("post", "/v1/a2a/message:send", {"message": {**A2A_SAY, "taskId": RUN_ID}}),
    Asked("post", "/v1/a2a", rpc("CancelTask", id=RUN_ID)),
    Asked("post", "/v1/a2a", rpc("SubscribeToTask", id=RUN_ID)),
    Asked("post", "/v1/a2a", rpc("SendMessage", message={**A2A_SAY, "contextId": THREAD_ID})),
    Asked("post", "/v1/a2a", rpc("ListTaskPushNotificationConfigs", taskId=RUN_ID)),
    Asked("get", f"/events/run-{RUN_ID}"),
    Asked("get", f"/events/thread-{THREAD_ID}"),
    Asked("get", f"/events/?channel=thread-{HIS_THREAD}&channel=run-{RUN_ID}"),
]

# Requests that involve his objects as well: hers alone are not enough for them.
HIS_TOO = [asked for asked in BY_NAME if HIS_THREAD in str(asked)]


@pytest.fixture(autouse=True)
def world() -> None:
    build()


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is gone afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def everything() -> list[Asked]:
    return [*described_requests(), *BY_NAME]


def hers() -> list[Asked]:
    return [asked for asked in everything() if asked.names_hers]


def answers(client: Client, requests: list[Asked]) -> Iterator[tuple[Asked, Any]]:
    for asked in requests:
        with undone():
            yield asked, asked.send(client)


def status_of(answer: Any) -> int:
    """JSON-RPC says in its body what others say with the status."""
    content = content_of(answer)
    if not content.startswith('{"jsonrpc"'):
        return int(answer.status_code)
    if '"error"' not in content and '"isError":true' not in content:
        return int(answer.status_code)
    return 404 if "not found" in content else 400


def test_it_knows_every_route() -> None:
    described = {
        (method, template)
        for template, methods in document()["paths"].items()
        for method in methods
    }
    assert routes() - described == PLAIN
    assert described <= routes()
    assert len([asked for asked in hers() if asked not in BY_NAME]) > 35


def test_it_lets_the_owner_do_everything() -> None:
    """So that a refusal of the same request to others is about who they are."""
    refused = [
        f"{asked}: {answer.status_code} {content_of(answer)[:200]}"
        for asked, answer in answers(caller(ALICE), hers())
        if asked not in HIS_TOO and not 200 <= answer.status_code < 300
    ]
    assert refused == []


def test_it_shows_a_colleague_what_it_shows_the_owner() -> None:
    reads = [asked for asked in hers() if asked.method == "get"]
    owner, colleague = caller(ALICE), caller(ALICE)
    for asked in reads:
        first, second = asked.send(owner), asked.send(colleague)
        assert second.status_code == first.status_code, asked
        assert content_of(second) == content_of(first), asked


def test_it_tells_a_stranger_nothing_that_it_would_not_tell_of_nothing() -> None:
    stranger, told = caller(BOB), []
    for asked, answer in answers(stranger, hers()):
        with undone():
            nothing = asked.of_unknown().send(stranger)
        same = (nothing.status_code, content_of(nothing))
        if (answer.status_code, forget(content_of(answer))) != same and status_of(answer) != 404:
            told.append(f"{asked}: {answer.status_code} {content_of(answer)[:200]}, not {same}")
    assert told == []


def test_it_refuses_a_stranger_whatever_would_change_something() -> None:
    kept = rows()
    for asked, answer in answers(caller(BOB), hers()):
        if asked.method != "get":
            assert status_of(answer) in (400, 404), f"{asked}: {content_of(answer)}"
        assert rows() == kept, asked


def test_it_mentions_nothing_of_hers_to_a_stranger() -> None:
    lists = [asked for asked in everything() if asked.method == "get"]
    for asked, answer in answers(caller(BOB), lists):
        content = content_of(answer)
        assert MARK not in content, asked
        if not asked.names_hers and answer.status_code == 200 and "openapi" not in asked.path:
            assert THREAD_ID not in content, asked
            assert RUN_ID not in content, asked


def test_it_shows_the_owner_what_is_hers() -> None:
    """So that the mark is really where others must not see it."""
    shown = [
        asked.path
        for asked, answer in answers(caller(ALICE), hers())
        if asked.method == "get" and MARK in content_of(answer)
    ]
    assert f"/v1/threads/{THREAD_ID}" in shown
    assert f"/v1/threads/{THREAD_ID}/messages" in shown
    assert f"/v1/threads/{THREAD_ID}/runs" in shown
    assert f"/v1/threads/{THREAD_ID}/events" in shown


def test_it_lets_nobody_in_without_a_key() -> None:
    kept, nobody = rows(), Client(raise_request_exception=False)
    for asked, answer in answers(nobody, everything()):
        public = _scope(asked) == "public"
        assert (answer.status_code == 401) is not public, f"{asked}: {content_of(answer)[:200]}"
    assert rows() == kept


def _scope(asked: Asked) -> str:
    described = document()["paths"].get(asked.path, {}).get(asked.method, {})
    return str(described.get("x-scope", "closed"))


def test_it_keeps_idempotency_keys_of_resources_apart() -> None:
    headers = {"idempotency-key": "the-same"}
    body = {"agentId": "assistant", "messages": SAY}
    path = "/v1/threads/{}/messages"
    first = caller(ALICE).post(path.format(THREAD_ID), body, "application/json", headers=headers)
    second = caller(BOB).post(path.format(HIS_THREAD), body, "application/json", headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["run_id"] != second.json()["run_id"]
    assert second.json()["thread_id"] == HIS_THREAD


@pytest.mark.parametrize("channel", [f"run-{RUN_ID}", f"thread-{THREAD_ID}", "run-x", "thread-x"])
def test_it_has_no_channel_of_hers_for_a_stranger(channel: str) -> None:
    answer = caller(BOB).get(f"/events/{channel}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("channel", ["runs", "threads", "mailbox"])
def test_it_tells_of_everybody_only_who_may_see_everybody(channel: str) -> None:
    assert caller(ALICE).get(f"/events/{channel}").status_code == 403
    assert caller("").get(f"/events/{channel}").status_code == 200


def test_it_needs_the_scope_read_for_a_channel() -> None:
    assert caller(ALICE, "run").get(f"/events/run-{RUN_ID}").status_code == 403
    assert caller(ALICE, "read").get(f"/events/run-{RUN_ID}").status_code == 200


def test_it_does_not_let_a_stranger_name_a_run_of_hers_on_his_thread() -> None:
    body = {"threadId": HIS_THREAD, "runId": RUN_ID, "messages": AG_SAY, "agentId": "assistant"}
    kept = [row for row in rows()["Run"] if row["id"] == RUN_ID]
    answer = Asked("post", "/v1/ag-ui/run", body).send(caller(BOB))
    assert answer.status_code in (200, 404, 409)
    assert [row for row in rows()["Run"] if row["id"] == RUN_ID] == kept
    assert HIS_RUN != RUN_ID
