"""Speaking A2A through Django's test client; every good answer is shown to the SDK's types."""

import json
from itertools import count
from typing import Any

from tests.api.conftest import JsonClient
from tests.faces.a2a_oracle import EVENT, LIST, SENT, TASK, judge

Json = dict[str, Any]

BASE = "/v1/a2a"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_numbers = count(1)


def said(text: str = "Hello", **members: Any) -> Json:
    return {
        "messageId": f"message-{next(_numbers)}",
        "role": "ROLE_USER",
        "parts": [{"text": text}],
        **members,
    }


def body_of(answer: Any) -> Json:
    """The JSON of an answer, also of one that came late."""
    content = answer.getvalue() if answer.streaming else answer.content
    found: Json = json.loads(content)
    return found


def events_of(answer: Any) -> list[Json]:
    """The data of all events of a stream that has ended."""
    assert answer["Content-Type"] == "text/event-stream", answer.content
    blocks = [block for block in answer.getvalue().decode().split("\n\n") if block.strip()]
    lines = [block for block in blocks if not block.startswith(":")]
    assert all(line.startswith("data: ") and "\n" not in line for line in lines), lines
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def send(api: JsonClient, message: Json, *, tenant: str = "", **configuration: Any) -> Json:
    """What ``message:send`` comes to, judged."""
    body = {"message": message, **({"configuration": configuration} if configuration else {})}
    answer = api.post(f"{place(tenant)}/message:send", body)
    assert answer.status_code == 200, answer.content
    return judge(SENT, body_of(answer))


def stream(api: JsonClient, message: Json, *, tenant: str = "") -> list[Json]:
    answer = api.post(f"{place(tenant)}/message:stream", {"message": message})
    assert answer.status_code == 200, answer.content
    return [judge(EVENT, event) for event in events_of(answer)]


def task(api: JsonClient, task_id: str, *, tenant: str = "", **query: Any) -> Json:
    answer = api.get(f"{place(tenant)}/tasks/{task_id}", **query)
    assert answer.status_code == 200, answer.content
    return judge(TASK, answer.json())


def listed(api: JsonClient, *, tenant: str = "", **query: Any) -> Json:
    answer = api.get(f"{place(tenant)}/tasks", **query)
    assert answer.status_code == 200, answer.content
    return judge(LIST, answer.json())


def place(tenant: str) -> str:
    return f"{BASE}/{tenant}" if tenant else BASE


def rpc(
    api: JsonClient,
    method: str,
    params: Json | None = None,
    *,
    headers: dict[str, str] | None = None,
) -> Any:
    """The raw answer; the id of the request is ``1``."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    return api.post(BASE, body, **(headers or {}))


def result(api: JsonClient, method: str, params: Json | None = None) -> Any:
    answer = body_of(rpc(api, method, params))
    assert set(answer) == {"jsonrpc", "id", "result"}, answer
    assert answer["id"] == 1
    return answer["result"]


def texts(parts: list[Json]) -> str:
    return "".join(part.get("text", "") for part in parts)


def refused(answer: Any, status: int, reason: str) -> Json:
    """The error of a REST answer, which must have this status and reason."""
    error: Json = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, status), error
    assert reason_of(error["details"]) == reason
    return error


def rpc_refused(answer: Any, code: int, reason: str, *, status: int = 200) -> Json:
    body = body_of(answer)
    assert answer.status_code == status, body
    assert body["jsonrpc"] == "2.0"
    error: Json = body["error"]
    assert (error["code"], reason_of(error["data"])) == (code, reason), error
    return error


def reason_of(details: list[Json]) -> str:
    (info,) = [detail for detail in details if detail["@type"] == ERROR_INFO]
    return str(info["reason"])


def fields_of(details: list[Json]) -> list[str]:
    """The members that are complained about."""
    (found,) = [detail for detail in details if detail["@type"] == BAD_REQUEST]
    return [each["field"] for each in found["fieldViolations"]]
