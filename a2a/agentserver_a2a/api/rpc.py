"""The JSON-RPC binding (A2A 1.0, section 9): one address, all operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from pydantic import BaseModel
from rest_framework.request import Request

from agentserver.core.api.errors import as_api_error, log_unexpected
from agentserver.core.api.operation import EventStream, operation
from agentserver.core.errors import ApiError
from agentserver_a2a.api import examples, operations, push_operations, render
from agentserver_a2a.api.base import A2AView
from agentserver_a2a.api.negotiation import (
    read_exactly,
    require_version,
    rpc_dialect,
    rpc_failure,
)
from agentserver_a2a.api.operations import Json, Operation
from agentserver_a2a.api.shapes import A2ARpcAnswer, A2ARpcRequest
from agentserver_a2a.errors import InvalidRequest, MethodNotFound, Violation, invalid


@dataclass(frozen=True, slots=True)
class Method:
    scope: str
    serve: Operation


METHODS: Final[Mapping[str, Method]] = {
    "SendMessage": Method("run", operations.send_message),
    "SendStreamingMessage": Method("run", operations.send_streaming_message),
    "GetTask": Method("read", operations.get_task),
    "ListTasks": Method("read", operations.list_tasks),
    "CancelTask": Method("run", operations.cancel),
    "SubscribeToTask": Method("read", operations.subscribe_to_task),
    "CreateTaskPushNotificationConfig": Method("run", push_operations.create_push_config),
    "GetTaskPushNotificationConfig": Method("read", push_operations.get_push_config),
    "ListTaskPushNotificationConfigs": Method("read", push_operations.list_push_configs),
    "DeleteTaskPushNotificationConfig": Method("run", push_operations.delete_push_config),
    "GetExtendedAgentCard": Method("read", operations.extended_card),
}
EVENTS = EventStream("JSON-RPC answers, one for each event", data=A2ARpcAnswer)


@dataclass(frozen=True, slots=True)
class Envelope:
    id: str | int | float | None
    method: str
    params: Json


class RpcView(A2AView):
    """Callers who are refused get the HTTP status of that; everything else is 200."""

    error_model: ClassVar[type[BaseModel]] = A2ARpcAnswer

    @staticmethod
    def error_dialect(error: ApiError, request: HttpRequest) -> HttpResponse:
        return rpc_dialect(error, request)

    @operation(
        "Call an operation over JSON-RPC",
        answers={200: (A2ARpcAnswer, EVENTS)},
        errors=(413,),
        scope="read",
        body=A2ARpcRequest,
        headers=("A2A-Version", "Idempotency-Key"),
        examples={"body": examples.RPC_REQUEST, 200: examples.RPC_ANSWER},
    )
    def post(self, request: Request, tenant: str | None = None) -> HttpResponseBase:
        """All operations of the REST form by their names in the specification; sending and
        cancelling need the scope `run`. Streaming methods answer with server-sent events."""
        asked = read_exactly(request._request)
        request_id = _id_of(asked)
        try:
            return self._serve(request, tenant, envelope_of(asked))
        except Exception as error:
            told = as_api_error(error)
            log_unexpected(error, told, request._request)
            return rpc_failure(told, request_id)

    def _serve(self, request: Request, tenant: str | None, asked: Envelope) -> HttpResponseBase:
        require_version(request._request)
        method = METHODS.get(asked.method)
        if method is None:
            raise MethodNotFound(f"there is no method {asked.method[:60]!r}")
        call = self.call(request, tenant)
        call.principal.require(method.scope)
        return render.rpc(method.serve(call, asked.params), request._request, asked.id)


def envelope_of(asked: Any) -> Envelope:
    """Raises `InvalidRequest`, and `InvalidParams` for params that are no object."""
    if isinstance(asked, list):
        raise InvalidRequest("batches are not supported: send one request at a time")
    if not isinstance(asked, dict) or asked.get("jsonrpc") != "2.0":
        raise InvalidRequest('a request is an object with "jsonrpc": "2.0"')
    if "id" not in asked:
        raise InvalidRequest("an id is required: notifications are not supported")
    if not _is_id(asked["id"]):
        raise InvalidRequest("an id is a text, a number or null")
    if not isinstance(asked.get("method"), str):
        raise InvalidRequest("method must be a text")
    params = asked.get("params")
    if params is not None and not isinstance(params, dict):
        raise invalid([Violation("params", "must be an object")])
    return Envelope(asked["id"], asked["method"], params or {})


def _id_of(asked: Any) -> str | int | float | None:
    """What an error answers to: null where no id can be made out."""
    found = asked.get("id") if isinstance(asked, dict) else None
    return found if _is_id(found) else None


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
