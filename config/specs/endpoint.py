"""Where a remote agent lives, in the canonical form and in the older flat one."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from config.specs.base import NonBlank, OptionalText, Positive, Spec, refuse

_LEGACY = frozenset({"bearer_token", "agent_id", "poll_interval_ms"})
_CANONICAL = frozenset({"backend", "auth", "target", "timeout_ms", "options"})


class BearerAuth(Spec):
    """``token`` is write-only: stored encrypted, kept when a write leaves it out."""

    type: Literal["bearer"] = "bearer"
    token: str | None = Field(default=None, repr=False, json_schema_extra={"writeOnly": True})


class Endpoint(Spec):
    """A remote agent's address. Input ``{base_url, bearer_token?, agent_id?, poll_interval_ms?}``
    is rewritten to this form; a mixture of both is refused."""

    backend: NonBlank = "a2a"
    base_url: NonBlank
    auth: BearerAuth | None = None
    target: OptionalText = None
    timeout_ms: Annotated[Positive, Field(le=86_400_000)] = 300_000
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _rewrite_legacy(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not _LEGACY & value.keys():
            return value
        if mixed := sorted(_CANONICAL & value.keys()):
            raise refuse(f"endpoint mixes legacy members with {', '.join(mixed)}")
        return _canonical(value)


def _canonical(legacy: dict[str, Any]) -> dict[str, Any]:
    endpoint = {name: value for name, value in legacy.items() if name not in _LEGACY}
    if legacy.get("bearer_token") is not None:
        endpoint["auth"] = {"type": "bearer", "token": legacy["bearer_token"]}
    if legacy.get("agent_id") is not None:
        endpoint["target"] = legacy["agent_id"]
    if legacy.get("poll_interval_ms") is not None:
        endpoint["options"] = {"poll_interval_ms": legacy["poll_interval_ms"]}
    return endpoint
