"""The verbs of A2A called as the bindings call them, without HTTP."""

from contextlib import aclosing
from itertools import count
from typing import Any

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core import loops
from agentserver_a2a import wire
from agentserver_a2a.sending import Sent, send
from agentserver_a2a.streams import Events, stream_of, subscribe
from agentserver_a2a.tasks import page_of_tasks, task_for
from agentserver_a2a.waiting import settled
from tests.faces.a2a_oracle import EVENT, LIST, TASK, judge

Json = dict[str, Any]

SECONDS = 30
_numbers = count(1)


def request(*parts: Json | str, **members: Any) -> wire.SendRequest:
    """A message of these parts (texts for short); ``configuration`` and ``request_metadata`` belong
    to the request, other members to the message."""
    outer = {
        "configuration": members.pop("configuration", None),
        "metadata": members.pop("request_metadata", None),
    }
    message = {
        "messageId": f"said-{next(_numbers)}",
        "role": "ROLE_USER",
        "parts": [{"text": part} if isinstance(part, str) else part for part in parts],
        **members,
    }
    return wire.send_request({"message": message, **outer})


def begin(
    agent: str | None,
    *parts: Json | str,
    principal: Principal = ANONYMOUS,
    key: str | None = None,
    **members: Any,
) -> Sent:
    asked = request(*(parts or ("hello",)), **members)
    return send(principal=principal, tenant=agent, request=asked, idempotency_key=key)


def reply(sent: Sent, *parts: Json | str, **members: Any) -> Sent:
    return begin(None, *parts, taskId=sent.task_id, **members)


def answer(sent: Sent, **options: Any) -> Json:
    """What the blocking call comes to."""
    return loops.run_sync(settled(sent, **options), SECONDS)


def rest(sent: Sent) -> Json:
    """The task once it has ended or waits."""
    found: Json = judge(TASK, answer(sent)["task"])
    return found


def state(task: Json) -> str:
    return str(task["status"]["state"]).removeprefix("TASK_STATE_")


def texts(parts: list[Json]) -> list[str]:
    return [part["text"] for part in parts if "text" in part]


def response(task: Json) -> str:
    (found,) = [each for each in task["artifacts"] if each["artifactId"] == "response"]
    return "".join(texts(found["parts"]))


def said(task: Json) -> list[tuple[str, str]]:
    """The history as (role, text)."""
    return [
        (each["role"].removeprefix("ROLE_"), "".join(texts(each["parts"])))
        for each in task.get("history", [])
    ]


def task(task_id: str, *, principal: Principal = ANONYMOUS, **options: Any) -> Json:
    options = {"tenant": None, **options}
    return judge(TASK, task_for(principal=principal, task_id=task_id, **options))


def listed(*, tenant: str | None = None, principal: Principal = ANONYMOUS, **members: Any) -> Json:
    query = wire.list_tasks(members)
    return judge(LIST, page_of_tasks(principal=principal, tenant=tenant, query=query))


def ids(page: Json) -> list[str]:
    return [each["id"] for each in page["tasks"]]


# --- streams --------------------------------------------------------------------------------------
def streamed(sent: Sent) -> list[Json]:
    return loops.run_sync(collect(stream_of(sent)), SECONDS)


def watched(task_id: str, **options: Any) -> Events:
    return subscribe(**{"principal": ANONYMOUS, "tenant": None, "task_id": task_id, **options})


async def collect(events: Events) -> list[Json]:
    async with aclosing(events):
        batches = [batch async for batch in events if batch is not None]
    return [judge(EVENT, event) for batch in batches for event in batch]
