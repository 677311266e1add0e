"""The A2A SDK as the judge of our answers: each must parse strictly, with nothing unknown in it and
everything required there."""

from typing import Any

from a2a import types
from a2a.utils.proto_utils import validate_proto_required_fields
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

Json = dict[str, Any]

TASK = types.Task
SENT = types.SendMessageResponse
EVENT = types.StreamResponse
LIST = types.ListTasksResponse
CARD = types.AgentCard
PUSH_CONFIG = types.TaskPushNotificationConfig
PUSH_CONFIGS = types.ListTaskPushNotificationConfigsResponse
LIST_MEMBERS = {"tasks", "nextPageToken", "pageSize", "totalSize"}


def judge(kind: type[Message], data: Json) -> Json:
    """``data`` when it is a sound message of this kind; else the SDK's own complaint is raised."""
    parsed = ParseDict(data, kind(), ignore_unknown_fields=False)
    if kind is LIST:
        # The check takes an empty list or a zero for one that is missing.
        assert set(data) == LIST_MEMBERS
        for task in data["tasks"]:
            judge(TASK, task)
    elif kind is PUSH_CONFIGS:
        for config in data["configs"]:
            judge(PUSH_CONFIG, config)
    else:
        validate_proto_required_fields(parsed)
    if kind in {SENT, EVENT}:
        assert len(data) == 1, f"exactly one member is allowed: {sorted(data)}"
    # Every enumeration value came through as the name it was sent with.
    assert "UNSPECIFIED" not in str(MessageToDict(parsed))
    return data
