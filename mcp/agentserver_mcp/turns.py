"""A tool call that asks an agent: a durable run, followed to its end or to its next question."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import aclosing, suppress
from typing import Any

import orjson
from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from agentserver.core.api.answers import encode
from agentserver.core.errors import ApiError, BadRequest, Conflict
from agentserver_mcp import forms, runs_of_calls
from agentserver_mcp.catalogue import WAITING, Context, ToolResult, tool_error
from agentserver_mcp.exchange import Exchange, even_unheard, exchange_of
from agentserver_mcp.narration import Narrator
from agentserver_mcp.runs_of_calls import Place
from runs.events import log
from runs.events.types import Record, RunFinished, RunSuspended
from runs.services import Decided

FAILED = frozenset({"error", "blocked", "cancelled"})
NO_RESPONSE = "(no response)"


async def ask_agent(ctx: Context, params: types.CallToolRequestParams, agent_id: str) -> ToolResult:
    """The agent's answer as one block of text. The arguments have been checked."""
    exchange = exchange_of(ctx)
    turn = _Turn(ctx, exchange, agent_id)
    beginning = asyncio.ensure_future(turn.begin(params))
    try:
        place = await asyncio.shield(beginning)
    except ApiError as error:
        return tool_error(error.message)
    except asyncio.CancelledError:
        # The run is being stored: it must not be left behind.
        await even_unheard(turn.abandon(beginning))
        raise
    return await turn.followed(place)


class _Turn:
    """One call: its run, and where the client is in it."""

    def __init__(self, ctx: Context, exchange: Exchange, agent_id: str) -> None:
        self._ctx = ctx
        self._exchange = exchange
        self._agent_id = agent_id
        self._narrator = Narrator()
        self._progress = 0

    async def begin(self, params: types.CallToolRequestParams) -> Place:
        """A new run, or the one of an earlier round with what the client answered since."""
        exchange = self._exchange
        if params.request_state is None:
            return await exchange.database(
                runs_of_calls.start,
                exchange.principal,
                self._agent_id,
                params.arguments or {},
                exchange.session,
                exchange.key,
            )
        state = _state(params.request_state)
        place = await exchange.database(
            runs_of_calls.resume, exchange.principal, state["run"], state["seq"]
        )
        tickets = await exchange.database(runs_of_calls.open_tickets, place.run_id)
        answers = {key: _plain(value) for key, value in (params.input_responses or {}).items()}
        await self._decide(place, _decisions(tickets, answers))
        return place

    async def followed(self, place: Place) -> ToolResult:
        exchange = self._exchange
        try:
            exchange.detached = True
            await exchange.open()
            result = await self._follow(place)
        except asyncio.CancelledError:
            # A client that merely went away (handshake era) may still look at the run.
            if exchange.cancelled:
                await even_unheard(self._stop(place))
            raise
        except Exception:
            await self._forget()
            raise
        await self._forget()
        return result

    async def _forget(self) -> None:
        exchange = self._exchange
        if exchange.session is not None:
            await exchange.surely(runs_of_calls.forget, exchange.session, exchange.key)

    async def abandon(self, beginning: Awaitable[Place]) -> None:
        with suppress(ApiError):
            await self._stop(await beginning)

    async def _stop(self, place: Place) -> None:
        exchange = self._exchange
        await exchange.surely(runs_of_calls.stop, exchange.principal, place.run_id)
        await self._forget()

    async def _follow(self, place: Place) -> ToolResult:
        """Until the run ends, or asks a client that is asked by returning."""
        while True:
            record = await self._until_rest(place)
            if record is None:
                return tool_error("agent run failed: it is gone, its thread was deleted")
            if isinstance(record.event, RunFinished):
                return _finished(place, record.event)
            place = Place(place.run_id, place.thread_id, record.seq)
            tickets = await self._exchange.database(runs_of_calls.open_tickets, place.run_id)
            if not tickets:
                continue  # answered elsewhere meanwhile
            if not self._may_ask() or not forms.can_be_asked(tickets):
                return _unanswerable(place)
            if self._exchange.modern:
                return _input_required(place, tickets)
            try:
                await self._decide(place, await self._answers(tickets))
            except (BadRequest, Conflict):
                return _unanswerable(place)  # it does not fit, or has to be said elsewhere

    async def _until_rest(self, place: Place) -> Record | None:
        """The event the run ends or rests with; None when the run is gone."""
        async with aclosing(
            log.follow(place.run_id, place.after_seq, fresh=place.fresh)
        ) as records:
            async for record in records:
                if record is None:
                    continue
                if isinstance(record.event, RunFinished | RunSuspended):
                    return record
                await self._tell(record)
        return None

    async def _tell(self, record: Record) -> None:
        told = self._narrator.tell(record.event)
        if told is None:
            return
        self._progress += 1
        await self._exchange.progress(self._progress, None, told.message)
        if told.level:
            await self._exchange.log(told.level, told.message, f"agent/{self._agent_id}")

    # --- questions --------------------------------------------------------------------------------
    def _may_ask(self) -> bool:
        capabilities = self._ctx.session.client_capabilities
        declared = capabilities is not None and capabilities.elicitation is not None
        return declared and (self._exchange.modern or self._exchange.can_send_request)

    async def _answers(self, tickets: list[dict[str, Any]]) -> list[Decided]:
        """Asks the client of the handshake era; no answer and an error count as a refusal."""
        found = []
        for ticket in tickets:
            message, schema = forms.form_of(ticket)
            asked = {"message": message, "requestedSchema": schema}
            declined = forms.decided(ticket, {"action": "cancel"})
            try:
                answer = await self._exchange.send_raw_request("elicitation/create", asked)
                decision = forms.decided(ticket, answer) or declined
            except MCPError:
                decision = declined
            found += [decision] if decision else []
        return found

    async def _decide(self, place: Place, decisions: list[Decided]) -> None:
        exchange = self._exchange
        await exchange.surely(runs_of_calls.decide, exchange.principal, place.run_id, decisions)


def _decisions(tickets: list[dict[str, Any]], answers: Mapping[str, Any]) -> list[Decided]:
    """What the answers say about open tickets. Others are asked again, unknown ones ignored."""
    found = (
        forms.decided(ticket, answers[ticket["ticket_id"]])
        for ticket in tickets
        if isinstance(answers.get(ticket["ticket_id"]), Mapping)
    )
    return [each for each in found if each is not None]


def _plain(response: Any) -> Any:
    if hasattr(response, "model_dump"):
        return response.model_dump(mode="json", by_alias=True, exclude_none=True)
    return response


def _state(text: str) -> dict[str, Any]:
    """What an earlier round sealed; it is ours, as its seal was whole."""
    try:
        state: dict[str, Any] = orjson.loads(text)
        return {"run": str(state["run"]), "seq": int(state["seq"])}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise MCPError(INVALID_PARAMS, "Invalid or expired requestState") from None


def _input_required(place: Place, tickets: list[dict[str, Any]]) -> types.InputRequiredResult:
    requests: dict[str, Any] = {}
    for ticket in tickets:
        message, schema = forms.form_of(ticket)
        asked = types.ElicitRequestFormParams(message=message, requested_schema=schema)
        requests[ticket["ticket_id"]] = types.ElicitRequest(params=asked)
    # Before the rest, so that the next round meets it again if it answers too little.
    state = encode({"run": place.run_id, "seq": max(place.after_seq - 1, 0)}).decode()
    return types.InputRequiredResult(input_requests=requests, request_state=state)


# --- results --------------------------------------------------------------------------------------
def _meta(place: Place) -> dict[str, Any]:
    return {"agentserver/runId": place.run_id, "agentserver/threadId": place.thread_id}


def _finished(place: Place, event: RunFinished) -> types.CallToolResult:
    ended = event.termination
    if ended.type in FAILED:
        why = ended.detail or ended.code or ended.type
        return tool_error(f"agent run failed: {why}", _meta(place))
    text = types.TextContent(type="text", text=event.response or NO_RESPONSE)
    return types.CallToolResult(content=[text], _meta=_meta(place))


def _unanswerable(place: Place) -> types.CallToolResult:
    return tool_error(
        f"agent run {place.run_id} waits for a decision that this client cannot give: "
        f"answer it with POST /v1/runs/{place.run_id}/decision",
        {**_meta(place), **WAITING},
    )
