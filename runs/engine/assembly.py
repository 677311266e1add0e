"""Putting a claimed run together: its pinned configuration, its models, its tools, its loop."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage

from agentserver.core.errors import ApiError
from config import registry as registries
from config.adapters import SCRIPTED_ADAPTER
from config.registry import Registry
from config.sections import retry_of
from config.specs import AgentSpec, ModelSpec
from runs.engine import journal
from runs.engine.calls import Toolbox
from runs.engine.context import Window
from runs.engine.delegate import delegate_tools, run_delegate
from runs.engine.endings import Exit, end_run
from runs.engine.inference import Request
from runs.engine.journal import Ending, Totals
from runs.engine.limits import Limits
from runs.engine.loop import Loop
from runs.engine.prompt import request_parameters, request_settings
from runs.engine.recorder import Recorder
from runs.engine.remote import remote_model, remote_tools
from runs.engine.session import Session
from runs.engine.summary import summariser
from runs.events.types import AnyEvent, Termination
from runs.mailbox.claim import Claim
from runs.mailbox.claim import claim as claim_jobs
from runs.mailbox.ledger import finished_event
from runs.models import ToolCall
from runs.providers import ModelChoice, ProviderSettings, build_model
from runs.providers.pricing import ModelPrices, cost_usd
from runs.providers.retry import RetryPolicy
from runs.tools import Tool, ToolContext
from runs.tools.frontend import frontend_tools
from runs.tools.questions import Decision
from runs.tools.registry import all_tools
from runs.tools.result import Outcome
from runs.tools.select import ToolRules, select_tools
from runs.tools.source import sourced_tools

logger = logging.getLogger(__name__)

Price = Callable[[str, dict[str, int]], Decimal | None]


class Services(Protocol):
    """What a run needs of the process that hosts it."""

    async def in_db(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any: ...
    async def run_tool(self, work: Callable[[], Any]) -> Any: ...
    def child_wait(self, session: Session, change: int) -> None: ...


def claim(*, worker: str, limit: int) -> list[tuple[Claim, Registry]]:
    """Claims jobs and reads the configuration version that each run is pinned to."""
    claimed = claim_jobs(worker=worker, limit=limit)
    return [(each, _registry_of(each)) for each in claimed]


def _registry_of(claim: Claim) -> Registry:
    """An empty registry for a run whose configuration is gone: that run fails, not the batch."""
    try:
        return registries.at(claim.run.config_version)
    except ApiError as error:
        logger.error("run %s: %s", claim.run.pk, error.message)
        return registries.EMPTY


async def build(session: Session, host: Services) -> Loop:
    agent = session.agent
    recorder = Recorder(
        session=session,
        totals=Totals.of(session.claim.run),
        state=session.claim.run.thread.state or {},
    )
    tools = await host.in_db(tools_of, session, agent)
    models = _models(session, recorder, agent)
    toolbox = _toolbox(session, recorder, host, tools)
    policy = _retry_policy(agent)
    return Loop(
        session=session,
        recorder=recorder,
        toolbox=toolbox,
        request=Request(
            models=models,
            messages=[],
            settings=request_settings(agent),
            parameters=request_parameters(tools),
            policy=policy,
            max_continuations=agent.max_continuation_retries,
            client_tools=toolbox.client_tools,
        ),
        # What a remote agent remembers is its own business, and no summary is asked of it.
        window=Window(
            None if agent.endpoint else agent.context_policy, summariser(session, models, policy)
        ),
        limits=Limits(agent),
        price=_price(session.registry, agent),
    )


# --- models --------------------------------------------------------------------------------


def _models(session: Session, recorder: Recorder, agent: AgentSpec) -> list[Model]:
    if agent.endpoint:
        return [remote_model(session, recorder, agent.endpoint)]
    return models_of(session.registry, agent)


def models_of(registry: Registry, agent: AgentSpec) -> list[Model]:
    """The agent's model, then its fallbacks, on the same provider account."""
    names = [None, *retry_of(agent).fallback_upstream_models]
    return [_model(registry, registry.model_for(agent, name)) for name in names]


def _model(registry: Registry, model: ModelSpec) -> Model:
    provider = registry.provider_with_secrets(model.provider_id)
    known = provider.model_dump(include=set(ProviderSettings.model_fields))
    choice = ModelChoice(
        upstream_model=model.upstream_model, provider=ProviderSettings.model_validate(known)
    )
    return build_model(choice)


def _retry_policy(agent: AgentSpec) -> RetryPolicy:
    section = retry_of(agent)
    return RetryPolicy(max_retries=section.max_retries, backoff_base_ms=section.backoff_base_ms)


def _price(registry: Registry, agent: AgentSpec) -> Price:
    if agent.endpoint:
        return lambda name, usage: None
    model = registry.model_for(agent)
    adapter = registry.providers[model.provider_id].adapter
    known = {name: getattr(model, name) for name in ModelPrices.model_fields}
    prices = ModelPrices.model_validate(known)
    if adapter == SCRIPTED_ADAPTER and not prices.known:
        return lambda name, usage: None

    def price(name: str, usage: dict[str, int]) -> Decimal | None:
        counted = RequestUsage(
            input_tokens=usage.get("prompt_tokens", 0),
            output_tokens=usage.get("completion_tokens", 0),
            cache_read_tokens=usage.get("cache_read_tokens", 0),
            cache_write_tokens=usage.get("cache_creation_tokens", 0),
        )
        return cost_usd(usage=counted, adapter=adapter, upstream_model=name, prices=prices)

    return price


# --- tools ---------------------------------------------------------------------------------


def tools_of(session: Session, agent: AgentSpec) -> list[Tool]:
    """What the agent may call: its own tools, sourced and delegated ones, and the request's.

    A remote agent has its own elsewhere; here it can only ask.
    """
    if agent.endpoint:
        return remote_tools()
    sourced = sourced_tools(registry=session.registry, agent_id=agent.id)
    return select_tools(
        [*all_tools(), *sourced],
        rules=ToolRules(
            allowed_tools=agent.allowed_tools,
            excluded_tools=agent.excluded_tools,
            allowed_tool_patterns=agent.allowed_tool_patterns,
            excluded_tool_patterns=agent.excluded_tool_patterns,
        ),
        delegates=delegate_tools(session.registry, agent.delegates),
        frontend=frontend_tools(session.claim.run.request_extras.get("frontend_tools") or []),
    )


def _toolbox(
    session: Session, recorder: Recorder, host: Services, tools: Sequence[Tool]
) -> Toolbox:
    def context_for(row: ToolCall) -> ToolContext:
        return _context(session, recorder, row)

    async def delegate(row: ToolCall) -> Outcome:
        host.child_wait(session, 1)
        try:
            return await run_delegate(session, row)
        finally:
            host.child_wait(session, -1)

    async def ended(row: ToolCall, alone: bool) -> None:
        session.emit(finished_event(row))
        recorder.unsaved.append(row)
        if not alone:
            await recorder.commit(journal.save)

    return Toolbox(
        tools={tool.name: tool for tool in tools},
        context_for=context_for,
        run_sync=host.run_tool,
        delegate=delegate,
        ended=ended,
    )


def _context(session: Session, recorder: Recorder, row: ToolCall) -> ToolContext:
    run, decision = session.claim.run, row.decision
    return ToolContext(
        run_id=run.pk,
        thread_id=run.thread_id,
        agent_id=run.agent_id,
        call_id=row.call_id,
        tool_name=row.name,
        arguments=row.arguments,
        resource_id=run.thread.resource_id,
        attempt=row.executions,
        emit=_on_loop(recorder.emit),
        decision=decision
        and Decision(decision["action"], decision.get("payload"), decision["ticket_id"]),
        answers=row.answers,
        state=recorder.state,
        is_cancelled=lambda: session.stop_reason is not None,
    )


def _on_loop(emit: Callable[[AnyEvent], None]) -> Callable[[Any], None]:
    """Tools speak from any thread; events are numbered on the engine's loop, in order."""
    loop = asyncio.get_running_loop()
    thread = threading.get_ident()

    def send(event: AnyEvent) -> None:
        if threading.get_ident() == thread:
            emit(event)
        else:
            loop.call_soon_threadsafe(emit, event)

    return send


# --- when nothing else helps ---------------------------------------------------------------


async def fail(session: Session, loop: Loop | None, error: Exception) -> Exit:
    """Ends a run that cannot be executed. A bug is named by its class only."""
    detail = (
        error.message if isinstance(error, ApiError) else f"internal error: {type(error).__name__}"
    )
    ending = Ending(Termination(type="error", detail=detail, code="internal"), dead=True)
    if loop:
        try:
            return await loop.fail(ending)
        except Exception:
            # Whatever cannot be stored of it: the run must not be tried again and again.
            logger.exception("run %s could not end in order", session.run_id)
    return await end_run(Recorder(session=session, totals=Totals.of(session.claim.run)), ending)
