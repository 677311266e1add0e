"""The real A2A clients behind one face: operations by name, ProtoJSON in and out."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from a2a import types
from a2a.client import ClientConfig, ClientFactory
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import Client
from a2a.utils.errors import A2A_ERROR_REASONS, A2AError
from google.protobuf.json_format import MessageToDict, ParseDict

Json = dict[str, Any]

CLIENTS = Path(__file__).parent.parent
REST, JSONRPC = "HTTP+JSON", "JSONRPC"
SECONDS = 60
STREAMS = {"stream", "subscribe"}


class Refused(Exception):
    """What the client says the server refused, by the reason it made out."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


@dataclass(frozen=True)
class Place:
    """Where and how to speak. `tenant` is that of the interface in the client's card."""

    url: str
    binding: str
    tenant: str = ""
    headers: Json = field(default_factory=dict)


class Speaker(Protocol):
    """`then` is done after the first event of a stream, `stop_after` events it is left."""

    def ask(
        self,
        place: Place,
        operation: str,
        params: Json | None = None,
        *,
        then: tuple[str, Json] | None = None,
        stop_after: int = 0,
    ) -> Any:
        """The answer, or the list of a stream's events. Raises `Refused`."""


# --- a2a-sdk --------------------------------------------------------------------------------------
METHODS: dict[str, tuple[str, type[Any]]] = {
    "send": ("send_message", types.SendMessageRequest),
    "stream": ("send_message", types.SendMessageRequest),
    "get": ("get_task", types.GetTaskRequest),
    "list": ("list_tasks", types.ListTasksRequest),
    "cancel": ("cancel_task", types.CancelTaskRequest),
    "subscribe": ("subscribe", types.SubscribeToTaskRequest),
    "pushCreate": ("create_task_push_notification_config", types.TaskPushNotificationConfig),
    "pushGet": (
        "get_task_push_notification_config",
        types.GetTaskPushNotificationConfigRequest,
    ),
    "pushList": (
        "list_task_push_notification_configs",
        types.ListTaskPushNotificationConfigsRequest,
    ),
    "pushDelete": (
        "delete_task_push_notification_config",
        types.DeleteTaskPushNotificationConfigRequest,
    ),
    "card": ("get_extended_agent_card", types.GetExtendedAgentCardRequest),
}


class PythonSpeaker:
    def ask(
        self,
        place: Place,
        operation: str,
        params: Json | None = None,
        *,
        then: tuple[str, Json] | None = None,
        stop_after: int = 0,
    ) -> Any:
        done = self._ask(place, operation, params or {}, then, stop_after)
        try:
            return asyncio.run(asyncio.wait_for(done, SECONDS))
        except A2AError as error:
            reason = A2A_ERROR_REASONS.get(type(error), type(error).__name__)
            raise Refused(reason, str(error)) from error

    async def _ask(
        self,
        place: Place,
        operation: str,
        params: Json,
        then: tuple[str, Json] | None,
        stop_after: int,
    ) -> Any:
        async with httpx.AsyncClient(
            headers=place.headers, trust_env=False, timeout=SECONDS
        ) as http:
            client = await _connected(place, http, streams=operation in STREAMS)
            if operation not in STREAMS:
                return await _answer(client, operation, params)
            events: list[Json] = []
            async for event in _called(client, operation, params):
                events.append(MessageToDict(event))
                if then and len(events) == 1:
                    await _answer(await _connected(place, http, streams=False), *then)
                if len(events) == stop_after:
                    break
            return events


async def _connected(place: Place, http: httpx.AsyncClient, *, streams: bool) -> Client:
    # Speaking JSON-RPC is what the client does unless it is told otherwise.
    bindings = [] if place.binding == JSONRPC else [place.binding]
    config = ClientConfig(
        streaming=streams, httpx_client=http, supported_protocol_bindings=bindings
    )
    factory = ClientFactory(config)
    card = await A2ACardResolver(http, place.url).get_agent_card()
    for interface in card.supported_interfaces:
        interface.tenant = place.tenant
    return factory.create(card)


def _called(client: Client, operation: str, params: Json) -> AsyncIterator[Any]:
    method, kind = METHODS[operation]
    events: AsyncIterator[Any] = getattr(client, method)(ParseDict(params, kind()))
    return events


async def _answer(client: Client, operation: str, params: Json) -> Any:
    if operation == "send":
        (answer,) = [event async for event in _called(client, operation, params)]
    else:
        method, kind = METHODS[operation]
        answer = await getattr(client, method)(ParseDict(params, kind()))
    return None if answer is None else MessageToDict(answer)


# --- @a2a-js/sdk ----------------------------------------------------------------------------------
class NodeSpeaker:
    """A node process that does one operation after the other."""

    def __init__(self) -> None:
        if shutil.which("node") is None:
            pytest.fail("node was not found: it is needed for tests with the real A2A client")
        self._process = subprocess.Popen(
            ["node", "a2a_sdk/drive.mjs"],
            cwd=CLIENTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(
        self,
        place: Place,
        operation: str,
        params: Json | None = None,
        *,
        then: tuple[str, Json] | None = None,
        stop_after: int = 0,
    ) -> Any:
        task: Json = {
            "url": place.url,
            "binding": place.binding,
            "headers": place.headers,
            "tenant": place.tenant,
            "operation": operation,
            "params": params or {},
            "stopAfter": stop_after,
        }
        if then:
            task["then"] = {"operation": then[0], "params": then[1]}
        outcome = self._exchange(task)
        if "error" in outcome:
            raise Refused(outcome["error"]["reason"], outcome["error"]["message"])
        return outcome.get("result")

    def _exchange(self, task: Json) -> Json:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        found: Json = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
