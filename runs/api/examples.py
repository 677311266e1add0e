"""Examples of runs, jobs, decisions and events in the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID
from threads.api.examples import QUESTION, THREAD, THREAD_LIST

JOB_ID: Final = "0198f0c4-1b2c-7f00-a1b2-c3d4e5f60718"
NEXT_RUN_ID: Final = "0198f0c5-2c3d-7a10-9f4e-0b1c2d3e4f50"
_TEXT: Final = "What should I see in Rome?"
_INPUT: Final = [{"role": "user", "content": _TEXT}]

# --- threads --------------------------------------------------------------------------------------
SUMMARY_LIST: Final[dict[str, Any]] = {
    **THREAD_LIST,
    "items": [
        {
            "id": THREAD_ID,
            "title": "Trip to Rome",
            "updated_at": 1775923260456,
            "agent_id": "assistant",
            "resource_id": "user-42",
            "parent_thread_id": None,
        }
    ],
}
THREAD_WITH_RUNS: Final[dict[str, Any]] = {
    **THREAD,
    "latest_run_id": RUN_ID,
    "latest_run_updated_at": 1775923260456,
}
THREAD_STOPPED: Final[dict[str, Any]] = {"status": "cancel_requested", "thread_id": THREAD_ID}
THREAD_INTERRUPTED: Final[dict[str, Any]] = {
    "status": "interrupt_requested",
    "thread_id": THREAD_ID,
    "superseded_jobs": 2,
    "superseded_dispatches": 2,
}

# --- runs -----------------------------------------------------------------------------------------
START: Final[dict[str, Any]] = {
    "agent_id": "assistant",
    "thread_id": THREAD_ID,
    "messages": _INPUT,
}
STREAM: Final = "\n".join(
    f"id: {seq}\ndata: {data}\n"
    for seq, data in enumerate(
        (
            f'{{"event_type":"run_start","thread_id":"{THREAD_ID}","run_id":"{RUN_ID}"}}',
            '{"event_type":"text_delta","delta":"Start at "}',
            '{"event_type":"text_delta","delta":"the Forum."}',
            '{"event_type":"run_finish","termination":{"type":"natural_end"}}',
        ),
        start=1,
    )
)
RUN: Final[dict[str, Any]] = {
    "run_id": RUN_ID,
    "thread_id": THREAD_ID,
    "agent_id": "assistant",
    "parent_run_id": None,
    "job_id": JOB_ID,
    "dispatch_id": JOB_ID,
    "status": "done",
    "termination_code": "natural",
    "termination_reason": {"type": "natural_end"},
    "final_output": "Start at the Forum.",
    "error_payload": None,
    "waiting": None,
    "created_at": 1775923200,
    "updated_at": 1775923204,
    "started_at": 1775923200,
    "finished_at": 1775923204,
    "steps": 1,
    "input_tokens": 812,
    "output_tokens": 143,
    "config_version": 7,
    "state": {"revision": 14, "extensions": {"__runtime.tool_call_states": {"calls": {}}}},
}
RUN_LIST: Final[dict[str, Any]] = {
    "items": [RUN],
    "total": 1,
    "has_more": False,
    "next_cursor": None,
}
RUN_STOPPED: Final[dict[str, Any]] = {"status": "cancel_requested", "run_id": RUN_ID}

# --- mailbox --------------------------------------------------------------------------------------
SUBMIT: Final[dict[str, Any]] = {"agent_id": "assistant", "messages": _INPUT}
INPUTS: Final[dict[str, Any]] = {
    "messages": [{"role": "user", "content": "Only what is free of charge, please."}],
    "mode": "live_then_queue",
}
PUSH: Final[dict[str, Any]] = {"payload": {"text": _TEXT}}
_JOB_IDS: Final = {"job_id": JOB_ID, "dispatch_id": JOB_ID}
ACCEPTED: Final[dict[str, Any]] = {
    "status": "queued",
    "thread_id": THREAD_ID,
    "run_id": NEXT_RUN_ID,
    "steered": False,
    **_JOB_IDS,
}
PUSHED: Final[dict[str, Any]] = {"thread_id": THREAD_ID, "run_id": NEXT_RUN_ID, **_JOB_IDS}
INPUTS_ACCEPTED: Final[dict[str, Any]] = {
    "status": "inputs_accepted",
    "run_id": RUN_ID,
    "new_run_id": NEXT_RUN_ID,
    "steered": False,
    **_JOB_IDS,
}
JOB_LIST: Final[dict[str, Any]] = {
    **THREAD_LIST,
    "items": [
        {
            **_JOB_IDS,
            "mailbox_id": THREAD_ID,
            "thread_id": THREAD_ID,
            "run_id": NEXT_RUN_ID,
            "agent_id": "assistant",
            "messages": [QUESTION],
            "origin": "User",
            "sender_id": None,
            "parent_run_id": None,
            "dedupe_key": None,
            "run_status": "created",
            "termination": None,
            "run_error": None,
            "priority": 128,
            "generation": 0,
            "dispatch_epoch": 0,
            "status": "Queued",
            "available_at": 1775923200123,
            "attempt_count": 0,
            "max_attempts": 5,
            "last_error": None,
            "claim_token": None,
            "claimed_by": None,
            "lease_until": None,
            "created_at": 1775923200123,
            "updated_at": 1775923200123,
        }
    ],
}

# --- decisions ------------------------------------------------------------------------------------
DECISIONS: Final[dict[str, Any]] = {
    "approve": {"tool_call_id": "call_1", "action": "resume"},
    "refuse": {"tool_call_id": "call_1", "action": "cancel", "payload": {"reason": "not now"}},
    "several": {
        "decisions": [
            {"tool_call_id": "call_1", "action": "resume"},
            {"tool_call_id": "call_2", "action": "resume", "payload": {"city": "Rome"}},
        ]
    },
}
_DECIDED: Final = {"status": "decision_submitted", "tool_call_id": "call_1"}
RUN_DECIDED: Final[dict[str, Any]] = {**_DECIDED, "run_id": RUN_ID}
THREAD_DECIDED: Final[dict[str, Any]] = {**_DECIDED, "thread_id": THREAD_ID}

# --- events ---------------------------------------------------------------------------------------
EVENT: Final[dict[str, Any]] = {
    "cursor": "1",
    "seq": 1,
    "run_id": RUN_ID,
    "thread_id": THREAD_ID,
    "event_type": "run_start",
    "payload": {"event_type": "run_start", "thread_id": THREAD_ID, "run_id": RUN_ID},
    "created_at": 1775923200123,
}
EVENT_LIST: Final[dict[str, Any]] = {"items": [EVENT], "next_cursor": None, "has_more": False}
