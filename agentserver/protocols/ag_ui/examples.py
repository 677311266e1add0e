"""Examples of the AG-UI routes in the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID

_QUESTION: Final = {"id": "msg-1", "role": "user", "content": "What should I see in Rome?"}
RUN_INPUT: Final[dict[str, Any]] = {
    "threadId": THREAD_ID,
    "runId": RUN_ID,
    "state": {},
    "messages": [_QUESTION],
    "tools": [],
    "context": [],
    "forwardedProps": {},
}
RUN_INPUT_WITH_AGENT: Final[dict[str, Any]] = {**RUN_INPUT, "agentId": "assistant"}
EVENT_STREAM: Final = "\n".join(
    f"data: {data}\n"
    for data in (
        f'{{"type":"RUN_STARTED","threadId":"{THREAD_ID}","runId":"{RUN_ID}"}}',
        '{"type":"TEXT_MESSAGE_START","messageId":"msg-2","role":"assistant"}',
        '{"type":"TEXT_MESSAGE_CONTENT","messageId":"msg-2","delta":"Start at the Forum."}',
        '{"type":"TEXT_MESSAGE_END","messageId":"msg-2"}',
        f'{{"type":"RUN_FINISHED","threadId":"{THREAD_ID}","runId":"{RUN_ID}"}}',
    )
)
MESSAGES: Final[dict[str, Any]] = {
    "messages": [
        _QUESTION,
        {"id": "msg-2", "role": "assistant", "content": "Start at the Forum."},
    ],
    "total": 2,
    "has_more": False,
    "next_cursor": None,
}
INTERRUPTED: Final[dict[str, Any]] = {
    "status": "interrupt_requested",
    "thread_id": THREAD_ID,
    "superseded_dispatches": 0,
}
