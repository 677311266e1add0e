"""Examples of threads and messages in the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID

THREAD: Final[dict[str, Any]] = {
    "id": THREAD_ID,
    "metadata": {
        "created_at": 1775923200123,
        "updated_at": 1775923260456,
        "title": "Trip to Rome",
        "custom": {"env": "prod"},
    },
    "resource_id": "user-42",
}
THREAD_LIST: Final[dict[str, Any]] = {
    "items": [THREAD_ID],
    "offset": 0,
    "limit": 50,
    "total": 1,
    "has_more": False,
    "next_cursor": None,
}
CREATE: Final[dict[str, Any]] = {"title": "Trip to Rome", "custom": {"env": "prod"}}
CHANGE: Final[dict[str, Any]] = {"title": "Trip to Rome in May", "custom": {"env": "test"}}
CHANGED: Final[dict[str, Any]] = {
    **THREAD,
    "metadata": {**THREAD["metadata"], **CHANGE, "updated_at": 1775923290000},
}
QUESTION: Final[dict[str, Any]] = {
    "id": "0198f0c2-9ea1-7a35-8d0b-6a6f1c2f7d51",
    "role": "user",
    "content": [{"type": "text", "text": "What should I see in Rome?"}],
}
ANSWER: Final[dict[str, Any]] = {
    "id": "0198f0c3-0a11-7b8e-8c1d-52a4d0f6a7b3",
    "role": "assistant",
    "content": [{"type": "text", "text": "Start at the Forum."}],
    "metadata": {"run_id": RUN_ID, "step_index": 0},
}
MESSAGE_LIST: Final[dict[str, Any]] = {
    "messages": [QUESTION, ANSWER],
    "total": 2,
    "has_more": False,
    "next_cursor": None,
}
