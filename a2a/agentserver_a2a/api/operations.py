"""The operations of A2A (section 3.1) for both bindings: JSON members in, an `Outcome` out.

REST puts path and query into the members, JSON-RPC gives its ``params``. All of them raise
`ApiError` before anything is answered.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings

from agentserver.access.identity import unauthenticated
from agentserver.access.principal import Principal
from agentserver_a2a import card, wire
from agentserver_a2a.api.negotiation import one_tenant
from agentserver_a2a.cancelling import cancel_task
from agentserver_a2a.errors import ExtendedCardDisabled
from agentserver_a2a.sending import Sent, send
from agentserver_a2a.streams import Events, stream_of, subscribe
from agentserver_a2a.tasks import check_tenant, page_of_tasks, task_for
from agentserver_a2a.waiting import settled
from config import registry

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and from where. `tenant` is that of the path; the members may name the same one.

    `from_query`: numbers and booleans are given as text.
    """

    principal: Principal
    tenant: str | None = None
    idempotency_key: str | None = None
    base_url: str = ""
    from_query: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    value: Any


@dataclass(frozen=True, slots=True)
class Later:
    """`value` makes the awaitable, so that nothing is left behind when nobody waits for it."""

    value: Callable[[], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Stream:
    """StreamResponses, see `agentserver_a2a.streams`."""

    events: Events


Outcome = Ready | Later | Stream
Operation = Callable[[Call, Json], Outcome]


# --- messages -------------------------------------------------------------------------------------
def send_message(call: Call, members: Json) -> Outcome:
    request = _send_request(call, members)
    sent = _sent(call, request)
    configuration = request.configuration
    if configuration.return_immediately or not settings.AGENTSERVER_A2A_WAIT_SECONDS:
        return Ready({"task": sent.task})
    return Later(partial(settled, sent, history_length=configuration.history_length))


def send_streaming_message(call: Call, members: Json) -> Outcome:
    return Stream(stream_of(_sent(call, _send_request(call, members))))


def _send_request(call: Call, members: Json) -> wire.SendRequest:
    request = wire.send_request(members)
    return request.with_tenant(tenant_of(call, request.tenant))


def _sent(call: Call, request: wire.SendRequest) -> Sent:
    return send(
        principal=call.principal,
        request=request,
        tenant=request.tenant,
        idempotency_key=call.idempotency_key,
    )


# --- tasks ----------------------------------------------------------------------------------------
def get_task(call: Call, members: Json) -> Outcome:
    request = wire.get_task(members, from_query=call.from_query)
    task = task_for(
        principal=call.principal,
        task_id=request.id,
        tenant=tenant_of(call, request.tenant),
        history_length=request.history_length,
    )
    return Ready(task)


def list_tasks(call: Call, members: Json) -> Outcome:
    query = wire.list_tasks(members, from_query=call.from_query)
    tenant = tenant_of(call, query.tenant)
    return Ready(page_of_tasks(principal=call.principal, tenant=tenant, query=query))


def cancel(call: Call, members: Json) -> Outcome:
    asked = wire.task_reference(members)
    tenant = tenant_of(call, asked.tenant)
    return Ready(cancel_task(principal=call.principal, task_id=asked.id, tenant=tenant))


def subscribe_to_task(call: Call, members: Json) -> Outcome:
    asked = wire.task_reference(members)
    tenant = tenant_of(call, asked.tenant)
    return Stream(subscribe(principal=call.principal, task_id=asked.id, tenant=tenant))


# --- the card -------------------------------------------------------------------------------------
def extended_card(call: Call, members: Json) -> Outcome:
    """Only for callers who are known, also where keys are not required."""
    if not settings.AGENTSERVER_A2A_EXTENDED_CARD:
        raise ExtendedCardDisabled("this server has no extended agent card")
    if call.principal.kind == "anonymous":
        raise unauthenticated("the extended agent card needs an API key")
    tenant = tenant_of(call, members.get("tenant"))
    about = card.facts(call.base_url, tenant=tenant, detailed=True)
    return Ready(card.rendered(registry.current(), about).card)


def tenant_of(call: Call, named: object) -> str | None:
    tenant = one_tenant(call.tenant, named)
    check_tenant(tenant)
    return tenant
