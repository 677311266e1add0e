"""What the real A2A clients make of this server."""

import pytest

from tests.clients.a2a_sdk.conftest import Json, Voice, said
from tests.clients.a2a_sdk.speakers import Place, Refused, Speaker
from tests.live.server import StartServer
from tests.receiver import Answer, receiving

pytestmark = pytest.mark.leg("sqlite")  # what clients make of the protocol is the same on both


DONE = "TASK_STATE_COMPLETED"
ECHO, APPROVAL, SLOW, CASES = "demo-echo", "demo-approval", "demo-slow", "demo-a2a"


def state_of(task: Json) -> str:
    return str(task["status"]["state"])


def answer_of(task: Json) -> str:
    (artifact,) = [each for each in task["artifacts"] if each["artifactId"] == "response"]
    return "".join(part["text"] for part in artifact["parts"])


def folded(events: list[Json]) -> Json:
    """The task that a client keeps while it reads a stream."""
    task: Json = events[0]["task"]
    artifacts = {each["artifactId"]: each for each in task.get("artifacts", [])}
    for event in events[1:]:
        if update := event.get("artifactUpdate"):
            artifact = update["artifact"]
            known = artifacts.get(artifact["artifactId"])
            if update.get("append") and known:
                known["parts"] += artifact["parts"]
            else:
                artifacts[artifact["artifactId"]] = artifact
        elif update := event.get("statusUpdate"):
            task["status"] = update["status"]
        else:
            task = event["task"]
    return {**task, "artifacts": list(artifacts.values())}


def started(voice: Voice, agent: str) -> Json:
    """A task that goes on; its first state."""
    params = {
        "tenant": agent,
        "message": said(),
        "configuration": {"returnImmediately": True},
    }
    task: Json = voice.ask("send", params)["task"]
    return task


def waiting(voice: Voice) -> Json:
    task: Json = voice.ask("send", {"tenant": APPROVAL, "message": said("Clean up")})["task"]
    assert state_of(task) == "TASK_STATE_AUTH_REQUIRED"
    return task


def yes(task: Json) -> tuple[str, Json]:
    return "send", {"tenant": APPROVAL, "message": said("yes", taskId=task["id"])}


# --- messages -------------------------------------------------------------------------------------
def test_it_finds_its_way_by_the_card(voice: Voice) -> None:
    card = voice.ask("card")
    assert {ECHO, APPROVAL, SLOW, CASES} <= {skill["id"] for skill in card["skills"]}
    assert card["capabilities"]["streaming"] is True
    assert "task" in voice.ask("send", {"message": said()})


def test_it_waits_for_the_answer(voice: Voice) -> None:
    task = voice.ask("send", {"tenant": ECHO, "message": said("one two")})["task"]
    assert state_of(task) == DONE
    assert answer_of(task) == "one two"


def test_it_does_not_wait_when_told_so(voice: Voice) -> None:
    task = started(voice, SLOW)
    assert state_of(task) in {"TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"}
    voice.ask("cancel", {"tenant": SLOW, "id": task["id"]})


def test_it_streams_the_answer(voice: Voice) -> None:
    events = voice.ask("stream", {"tenant": ECHO, "message": said("one two three")})
    assert "task" in events[0]
    assert "statusUpdate" in events[-1]
    task = folded(events)
    assert state_of(task) == DONE
    assert answer_of(task) == "one two three"
    chunks = [event["artifactUpdate"] for event in events if "artifactUpdate" in event]
    assert [bool(chunk.get("lastChunk")) for chunk in chunks] == [False] * (len(chunks) - 1) + [
        True
    ]


def test_it_remembers_the_conversation(voice: Voice) -> None:
    first = voice.ask("send", {"tenant": ECHO, "message": said("one")})["task"]
    message = said("two", contextId=first["contextId"])
    second = voice.ask("send", {"message": message})["task"]
    assert second["contextId"] == first["contextId"]
    assert second["id"] != first["id"]
    assert answer_of(second) == "two"


def test_it_gives_back_what_was_sent(voice: Voice) -> None:
    parts = [
        {"text": "Look", "metadata": {"tone": "kind"}},
        {"data": {"b": [1, None], "a": "x"}},
        {"raw": "aGVsbG8=", "filename": "hello.txt", "mediaType": "text/plain"},
    ]
    params = {"tenant": ECHO, "message": said(parts=parts), "configuration": {"historyLength": 9}}
    task = voice.ask("send", params)["task"]
    assert task["history"][0]["parts"] == parts


def test_it_takes_a_direct_message(voice: Voice) -> None:
    message = said(begins="tck-message-response")
    assert "message" in voice.ask("send", {"tenant": CASES, "message": message})


# --- tasks ----------------------------------------------------------------------------------------
def test_it_gets_a_task_with_as_much_history_as_asked_for(voice: Voice) -> None:
    task = voice.ask("send", {"tenant": ECHO, "message": said("one")})["task"]
    names = {"tenant": ECHO, "id": task["id"]}
    lengths = [
        len(voice.ask("get", {**names, **given}).get("history", []))
        for given in ({}, {"historyLength": 0}, {"historyLength": 1})
    ]
    assert lengths == [2, 0, 1]


def test_it_lists_tasks_page_by_page(voice: Voice) -> None:
    first = voice.ask("send", {"tenant": ECHO, "message": said("one")})["task"]
    context = first["contextId"]
    second = voice.ask("send", {"message": said("two", contextId=context)})["task"]
    query = {"contextId": context, "pageSize": 1, "includeArtifacts": True}
    newer = voice.ask("list", query)
    older = voice.ask("list", {**query, "pageToken": newer["nextPageToken"]})
    assert newer["totalSize"] == older["totalSize"] == 2
    found = newer["tasks"] + older["tasks"]
    assert [task["id"] for task in found] == [second["id"], first["id"]]
    assert [answer_of(task) for task in found] == ["two", "one"]
    assert not older.get("nextPageToken")


def test_it_lists_tasks_by_state(voice: Voice) -> None:
    task = waiting(voice)
    query = {"contextId": task["contextId"]}
    asked = voice.ask("list", {**query, "status": "TASK_STATE_AUTH_REQUIRED"})
    assert [each["id"] for each in asked["tasks"]] == [task["id"]]
    assert not voice.ask("list", {**query, "status": DONE}).get("tasks")


def test_it_cancels_a_running_task(voice: Voice) -> None:
    task = started(voice, SLOW)
    names = {"tenant": SLOW, "id": task["id"]}
    assert state_of(voice.ask("cancel", names)) == "TASK_STATE_CANCELED"
    assert state_of(voice.ask("get", names)) == "TASK_STATE_CANCELED"


def test_it_goes_on_after_approval(voice: Voice) -> None:
    task = waiting(voice)
    done = voice.ask(*yes(task))["task"]
    assert done["id"] == task["id"]
    assert state_of(done) == DONE


def test_it_follows_a_task_through_its_interruption(voice: Voice) -> None:
    task = waiting(voice)
    names = {"tenant": APPROVAL, "id": task["id"]}
    events = voice.ask("subscribe", names, then=yes(task))
    assert state_of(events[0]["task"]) == "TASK_STATE_AUTH_REQUIRED"
    found, stored = folded(events), voice.ask("get", names)
    assert state_of(found) == DONE
    assert answer_of(found) == answer_of(stored)


def test_it_joins_a_task_in_the_middle(voice: Voice) -> None:
    first = voice.ask("stream", {"tenant": SLOW, "message": said()}, stop_after=4)
    names = {"tenant": SLOW, "id": first[0]["task"]["id"]}
    events = voice.ask("subscribe", names)
    found, stored = folded(events), voice.ask("get", names)
    assert state_of(found) == state_of(stored) == DONE
    assert answer_of(found) == answer_of(stored)


# --- tenants --------------------------------------------------------------------------------------
def test_it_speaks_to_a_tenant(voice: Voice) -> None:
    echo = voice.of(ECHO)
    task = echo.ask("send", {"message": said("one")})["task"]
    assert answer_of(task) == "one"
    assert echo.ask("get", {"id": task["id"]})["id"] == task["id"]
    query = {"contextId": task["contextId"]}
    assert len(echo.ask("list", query)["tasks"]) == 1
    assert not voice.of(SLOW).ask("list", query).get("tasks")
    with pytest.raises(Refused) as refused:
        voice.of(SLOW).ask("get", {"id": task["id"]})
    assert refused.value.reason == "TASK_NOT_FOUND"


def test_it_streams_to_a_tenant(voice: Voice) -> None:
    events = voice.of(ECHO).ask("stream", {"message": said("one")})
    assert answer_of(folded(events)) == "one"


# --- errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", ["get", "cancel", "subscribe"])
def test_it_understands_that_there_is_no_such_task(voice: Voice, operation: str) -> None:
    with pytest.raises(Refused) as refused:
        voice.ask(operation, {"id": "no-such-task"})
    assert refused.value.reason == "TASK_NOT_FOUND"


def test_it_understands_that_a_task_has_ended(voice: Voice) -> None:
    task = voice.ask("send", {"tenant": ECHO, "message": said()})["task"]
    reasons = []
    for operation, params in [
        ("cancel", {"id": task["id"]}),
        ("subscribe", {"id": task["id"]}),
        ("send", {"message": said(taskId=task["id"])}),
        ("stream", {"message": said(taskId=task["id"])}),
    ]:
        with pytest.raises(Refused) as refused:
            voice.ask(operation, params)
        reasons.append(refused.value.reason)
    assert reasons == ["TASK_NOT_CANCELABLE", *["UNSUPPORTED_OPERATION"] * 3]


def test_it_understands_what_is_wrong_with_a_request(voice: Voice) -> None:
    with pytest.raises(Refused) as refused:
        voice.ask("list", {"pageSize": 101})
    assert refused.value.reason == "INVALID_PARAMS"
    odd = said(parts=[{"raw": "AAAA", "mediaType": "model/unheard-of"}])
    with pytest.raises(Refused) as refused:
        voice.ask("send", {"tenant": ECHO, "message": odd})
    assert refused.value.reason == "CONTENT_TYPE_NOT_SUPPORTED"


# --- push configurations --------------------------------------------------------------------------
def test_it_keeps_push_configurations(voice: Voice) -> None:
    task = waiting(voice)
    names = {"tenant": APPROVAL, "taskId": task["id"], "id": "hook"}
    made = voice.ask("pushCreate", {**names, "url": "https://client.example/hook"})
    assert made["url"] == "https://client.example/hook"
    assert voice.ask("pushGet", names)["id"] == "hook"
    listed = voice.ask("pushList", {"tenant": APPROVAL, "taskId": task["id"]})
    assert [each["id"] for each in listed["configs"]] == ["hook"]
    voice.ask("pushDelete", names)
    with pytest.raises(Refused) as refused:
        voice.ask("pushGet", names)
    assert refused.value.reason == "TASK_NOT_FOUND"


def test_it_is_told_by_webhook(voice: Voice) -> None:
    hook = {
        "token": "a-token",
        "authentication": {"scheme": "Bearer", "credentials": "planted"},
    }
    with receiving() as receiver:
        statuses = iter([500])
        receiver.answer = lambda _: Answer(status=next(statuses, 200))
        configuration = {
            "taskPushNotificationConfig": {**hook, "url": f"{receiver.url}/hook"},
            "returnImmediately": True,
        }
        params = {"tenant": ECHO, "message": said("Hello"), "configuration": configuration}
        task = voice.ask("send", params)["task"]
        told = receiver.wait_until(lambda seen: bool(seen) and DONE.encode() in seen[-1].body)
    first, again, *_ = told
    assert first.body == again.body
    kinds = ["statusUpdate", "artifactUpdate", "statusUpdate"]
    assert [next(iter(each.json)) for each in told[1:]] == kinds
    assert all(
        each.json[kind]["taskId"] == task["id"] for each, kind in zip(told[1:], kinds, strict=True)
    )
    assert {each.headers["authorization"] for each in told} == {"Bearer planted"}
    assert {each.headers["x-a2a-notification-token"] for each in told} == {"a-token"}


# --- keys -----------------------------------------------------------------------------------------
def test_it_shows_who_is_known_more(start_server: StartServer, speaker: Speaker) -> None:
    environment = {"AGENTSERVER_REQUIRE_KEYS": "1", "AGENTSERVER_A2A_EXTENDED_CARD": "1"}
    server = start_server(env=environment)
    made = server.manage("create_api_key", "--name", "a2a", "--scopes", "read,run")
    (token,) = [word for word in made.split() if word.startswith("as_")]
    for binding in ("HTTP+JSON", "JSONRPC"):
        nobody = Voice(speaker, Place(server.url, binding))
        with pytest.raises(Refused):
            nobody.ask("list")
        card = nobody.with_key(token).ask("card")
        (echo,) = [skill for skill in card["skills"] if skill["id"] == ECHO]
        assert "model:demo-echo" in echo["tags"]
