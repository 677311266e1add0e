"""Speaking to the MCP routes through Django's test client, in both eras."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.api.conftest import JsonClient

Json = dict[str, Any]

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"
PATH = "/v1/mcp"


def request(method: str, params: Json | None = None, *, id: Any = 1) -> Json:
    asked: Json = {"jsonrpc": "2.0", "id": id, "method": method}
    return asked if params is None else {**asked, "params": params}


def note(method: str, params: Json | None = None) -> Json:
    return {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}


def opening(version: str = HANDSHAKE, **capabilities: Any) -> Json:
    return request(
        "initialize",
        {
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "tests", "version": "1"},
        },
    )


def modern(method: str, params: Json | None = None, *, id: Any = 1, **meta: Any) -> Json:
    """A request of 2026 with its envelope."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": meta.pop("capabilities", {}),
        **meta,
    }
    return request(method, {**(params or {}), "_meta": envelope}, id=id)


def mirrored(body: Json) -> dict[str, str]:
    """The headers that a request of 2026 repeats itself in."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": str(body["method"])}
    named = body["params"].get("name", body["params"].get("uri"))
    return headers if named is None else {**headers, "Mcp-Name": str(named)}


def send_modern(api: JsonClient, body: Json, **headers: str) -> Any:
    return api.post(PATH, body, **{**mirrored(body), **headers})


def heard(answer: Any) -> Iterator[Json]:
    """The messages of a stream, each as soon as it comes."""
    for piece in answer:
        yield from _data(piece.decode())


def frames(answer: Any) -> list[Json]:
    """The messages of an answer, whatever its form; the last is the response."""
    if not answer.streaming:
        return [answer.json()]
    return list(_data(answer.getvalue().decode()))


def _data(text: str) -> Iterator[Json]:
    for line in text.splitlines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def result(answer: Any) -> Json:
    found: Json = frames(answer)[-1]["result"]
    return found


def error(answer: Any) -> Json:
    found: Json = frames(answer)[-1]["error"]
    return found


def text_of(answered: Json) -> str:
    found: str = answered["content"][0]["text"]
    return found


def call(name: str, id: Any = 1, token: Any = None, **arguments: Any) -> Json:
    params: Json = {"name": name, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return request("tools/call", params, id=id)


@dataclass
class Session:
    """A client of the handshake era that has been introduced."""

    api: JsonClient
    id: str
    path: str = PATH
    sent: list[Json] = field(default_factory=list)

    def send(self, body: Json, **headers: str) -> Any:
        return self.api.post(self.path, body, **{"Mcp-Session-Id": self.id, **headers})


def session(api: JsonClient, version: str = HANDSHAKE, **capabilities: Any) -> Session:
    answer = api.post(PATH, opening(version, **capabilities))
    assert answer.status_code == 200, answer.content
    return Session(api, answer.headers["Mcp-Session-Id"])
