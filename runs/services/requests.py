"""What a submission is made of, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from agentserver.access.principal import Principal
from runs.models import Job, Run
from threads.services import NewMessage


class Mode(StrEnum):
    """What a submission does about a run that is under way (native API, mailbox semantics).

    `QUEUE` waits its turn. `STEER` joins the running run before its next inference, else queues.
    `INTERRUPT` stops everything and then runs. `RESUME` continues the waiting run under its id.
    `REJECT` refuses with 409 when the thread is busy. `ROLLBACK` interrupts and removes what the
    interrupted run and its input added to the conversation.
    """

    QUEUE = "queue"
    STEER = "live_then_queue"
    INTERRUPT = "interrupt_then_queue"
    RESUME = "resume_open_run"
    REJECT = "reject"
    ROLLBACK = "rollback"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where a conversation is taken up again: what follows the message goes, and it too when
    ``inclusive``."""

    message_id: str
    inclusive: bool


@dataclass(frozen=True, kw_only=True)
class Input:
    """A submission, its wire form already checked.

    `agent_id` None means the thread's latest agent. `extras` may hold ``frontend_tools`` (list of
    tool definitions), ``overrides`` and client metadata. `run_id` is given where the protocol's
    client chooses it. `idempotency_key` makes a repeat return the first run
    (`named_agent` is what its sender named, `agent_id` unless said otherwise). `cut` shortens the
    conversation before the messages are added (there may be none then), `state` becomes the shared
    state of the thread; both are part of starting a run, so not of the modes that join one.
    """

    principal: Principal
    thread_id: str | None
    messages: Sequence[NewMessage]
    agent_id: str | None = None
    mode: Mode = Mode.QUEUE
    resource_id: str | None = None
    parent_thread_id: str | None = None
    run_id: str | None = None
    origin: str = Run.Origin.USER
    sender_id: str = ""
    extras: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    named_agent: str | None = None
    must_exist: bool = False
    cut: Cut | None = None
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Submitted:
    """Where the input went. `status` says whether anything is ahead of it.

    `fresh` is false when an idempotency key found an earlier run, `steered` true when the input
    joined a run that was already running (no job then).
    """

    thread_id: str
    run: Run
    job: Job | None
    status: Literal["running", "queued"] = "queued"
    fresh: bool = True
    steered: bool = False
