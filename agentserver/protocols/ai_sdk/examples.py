"""Examples of the AI SDK routes in the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID

_QUESTION: Final = {
    "id": "msg-1",
    "role": "user",
    "parts": [{"type": "text", "text": "What should I see in Rome?"}],
}
CHAT: Final[dict[str, Any]] = {
    "id": THREAD_ID,
    "trigger": "submit-message",
    "messages": [_QUESTION],
}
CHAT_WITH_AGENT: Final[dict[str, Any]] = {**CHAT, "agentId": "assistant"}
CHUNK_STREAM: Final = "\n".join(
    f"data: {data}\n"
    for data in (
        '{"type":"start","messageId":"0198f0c3-0a11-7b8e-8c1d-52a4d0f6a7b3"}',
        '{"type":"text-start","id":"txt-1"}',
        '{"type":"text-delta","id":"txt-1","delta":"Start at the Forum."}',
        '{"type":"text-end","id":"txt-1"}',
        '{"type":"finish"}',
        "[DONE]",
    )
)
UI_MESSAGES: Final[dict[str, Any]] = {
    "messages": [
        _QUESTION,
        {
            "id": "0198f0c3-0a11-7b8e-8c1d-52a4d0f6a7b3",
            "role": "assistant",
            "metadata": {"runId": RUN_ID},
            "parts": [{"type": "text", "text": "Start at the Forum.", "state": "done"}],
        },
    ],
    "total": 2,
    "has_more": False,
    "next_cursor": None,
}
CANCELLED: Final[dict[str, Any]] = {"status": "cancel_requested", "thread_id": THREAD_ID}
INTERRUPTED: Final[dict[str, Any]] = {
    "status": "interrupt_requested",
    "thread_id": THREAD_ID,
    "superseded_dispatches": 0,
}
