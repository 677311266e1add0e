"""Examples of the A2A routes in the API documentation."""

from typing import Any, Final

from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID
from agentserver.core.api.operation import Several

Json = dict[str, Any]

AT: Final = "2026-01-02T03:04:05.678Z"
CONFIG_ID: Final = "webhook-1"
_SAID: Final[Json] = {
    "messageId": "msg-1",
    "role": "ROLE_USER",
    "parts": [{"text": "What should I see in Rome?"}],
}
SEND: Final = Several(
    {
        "in a context": {"message": {**_SAID, "contextId": THREAD_ID}},
        "without waiting": {
            "message": {**_SAID, "contextId": THREAD_ID},
            "configuration": {"returnImmediately": True, "historyLength": 0},
        },
    }
)
_ARTIFACT: Final[Json] = {
    "artifactId": "response",
    "name": "response",
    "parts": [{"text": "Start at the Forum."}],
}
TASK: Final[Json] = {
    "id": RUN_ID,
    "contextId": THREAD_ID,
    "status": {"state": "TASK_STATE_COMPLETED", "timestamp": AT},
    "artifacts": [_ARTIFACT],
    "history": [{**_SAID, "contextId": THREAD_ID, "taskId": RUN_ID}],
}
SENT: Final[Json] = {"task": TASK}
CANCELED_TASK: Final[Json] = {
    "id": RUN_ID,
    "contextId": THREAD_ID,
    "status": {"state": "TASK_STATE_CANCELED", "timestamp": AT},
}
TASK_LIST: Final[Json] = {
    "tasks": [CANCELED_TASK],
    "nextPageToken": "",
    "pageSize": 50,
    "totalSize": 1,
}
_IDS: Final = f'"taskId":"{RUN_ID}","contextId":"{THREAD_ID}"'
EVENTS: Final = "\n".join(
    f"data: {data}\n"
    for data in (
        f'{{"task":{{"id":"{RUN_ID}","contextId":"{THREAD_ID}",'
        f'"status":{{"state":"TASK_STATE_SUBMITTED","timestamp":"{AT}"}}}}}}',
        f'{{"statusUpdate":{{{_IDS},"status":{{"state":"TASK_STATE_WORKING","timestamp":"{AT}"}}}}}}',
        f'{{"artifactUpdate":{{{_IDS},"artifact":{{"artifactId":"response","name":"response",'
        '"parts":[{"text":"Start at the Forum."}]},"lastChunk":true}}',
        f'{{"statusUpdate":{{{_IDS},"status":{{"state":"TASK_STATE_COMPLETED",'
        f'"timestamp":"{AT}"}}}}}}',
    )
)
NEW_PUSH_CONFIG: Final[Json] = {
    "id": CONFIG_ID,
    "url": "https://client.example/webhook",
    "token": "a-token-of-yours",
}
PUSH_CONFIG: Final[Json] = {
    "id": CONFIG_ID,
    "taskId": RUN_ID,
    "url": "https://client.example/webhook",
}
PUSH_CONFIG_LIST: Final[Json] = {"configs": [PUSH_CONFIG], "nextPageToken": ""}
RPC_REQUEST: Final[Json] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "GetTask",
    "params": {"id": RUN_ID, "historyLength": 0},
}
RPC_ANSWER: Final[Json] = {"jsonrpc": "2.0", "id": 1, "result": CANCELED_TASK}
_URL: Final = "https://agents.example/v1/a2a"
CARD: Final[Json] = {
    "name": "agentserver",
    "description": "Durable agents, each of them a skill.",
    "provider": {"organization": "agentserver", "url": "https://agents.example"},
    "version": "0.1.0",
    "supportedInterfaces": [
        {"url": _URL, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        {"url": _URL, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
    ],
    "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": False},
    "securitySchemes": {"apiKey": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
    "securityRequirements": [{"schemes": {"apiKey": {"list": []}}}],
    "defaultInputModes": ["text/plain", "application/json"],
    "defaultOutputModes": ["text/plain", "application/json"],
    "skills": [
        {
            "id": "assistant",
            "name": "assistant",
            "description": "A plain assistant.",
            "tags": ["agent"],
        }
    ],
}
