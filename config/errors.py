"""Errors of the configuration, with the texts of docs/native-api.md."""

from collections.abc import Sequence

from pydantic import ValidationError

from agentserver.core.errors import BadRequest, Conflict, Gone, NotFound


class AgentNotFound(BadRequest):
    code = "agent_not_found"

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"agent not found: {agent_id}")


class ModelNotFound(BadRequest):
    code = "model_not_found"

    def __init__(self, model_id: str) -> None:
        super().__init__(f"model not found: {model_id}")


class ProviderNotFound(BadRequest):
    code = "provider_not_found"

    def __init__(self, provider_id: str) -> None:
        super().__init__(f"provider not found: {provider_id}")


class McpServerNotFound(BadRequest):
    code = "mcp_server_not_found"

    def __init__(self, server_id: str) -> None:
        super().__init__(f"mcp server not found: {server_id}")


class VersionGone(Gone):
    """The snapshot a run was started with has been pruned, or never was."""

    code = "config_version_gone"

    def __init__(self, version: int) -> None:
        super().__init__(f"config version not found: {version}")


class InvalidPayload(BadRequest):
    code = "invalid_payload"

    def __init__(self, detail: str, *, issues: Sequence[dict[str, str]] = ()) -> None:
        details = {"issues": list(issues)} if issues else None
        super().__init__(f"invalid payload: {detail}", details=details)
        self.detail = detail


class InvalidConfig(InvalidPayload):
    """The documents do not fit together. ``subject``: an agent id, or ``namespace/id``."""

    code = "invalid_config"

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"invalid managed config: {subject}: {reason}")


def unknown_namespace(name: str) -> NotFound:
    return NotFound(f"unknown namespace: {name}", code="unknown_namespace")


def already_exists(namespace: str, key: str) -> Conflict:
    return Conflict(f"conflict: {namespace}/{key} already exists", code="already_exists")


def stale_write(namespace: str, key: str, *, current: int) -> Conflict:
    """``current`` is 0 when there is no such entry (any more)."""
    return Conflict(
        f"conflict: {namespace}/{key} was changed meanwhile: its revision is {current}",
        code="stale_revision",
        details={"revision": current},
    )


def in_use(used_by: Sequence[dict[str, str]]) -> Conflict:
    return Conflict(
        "cannot delete: other records depend on this resource",
        code="in_use",
        details={"used_by": list(used_by)},
    )


def describe(error: ValidationError) -> tuple[str, list[dict[str, str]]]:
    """The first failure as a sentence, and all of them as ``{"path", "message"}``. No input."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    issues = [
        {"path": _path(each["loc"]), "message": each["msg"].removeprefix("Value error, ")}
        for each in found
    ]
    path, message = issues[0]["path"], issues[0]["message"]
    alone = found[0]["type"] == "refused" or not path
    return message if alone else f"{path}: {message}", issues


def _path(location: tuple[int | str, ...]) -> str:
    # pydantic puts the branches of a union into the path: "literal['none',...]". No member is
    # called like that.
    return ".".join(str(part) for part in location if "[" not in str(part))
