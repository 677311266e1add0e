"""From a request body to a normalised document, and from a stored one to the outward form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from agentserver.core.egress import EgressRefused, check_url
from agentserver.core.errors import BadRequest
from config.errors import InvalidPayload, describe
from config.namespaces import AGENTS, MCP_SERVERS, PROVIDERS, RESPONSE_ONLY, Namespace
from config.reserved import is_reserved
from config.secret_members import Secrets, names_below, pointer
from config.specs.base import Spec, problem_of_id

MAX_DEPTH = 64
_API_KEY = pointer(("api_key",))
_TOKEN_PATH = ("endpoint", "auth", "token")
_TOKEN = pointer(_TOKEN_PATH)
_CLIENT_SECRET = pointer(("auth", "client_secret"))


@dataclass(frozen=True, slots=True)
class Document:
    """A document in its stored form: every member filled in, secrets set apart by pointer."""

    namespace: Namespace
    key: str
    public: dict[str, Any]
    secrets: Secrets = field(repr=False)

    def full(self) -> dict[str, Any]:
        """With its secrets in the clear."""
        return self.namespace.secret.join(self.public, self.secrets)


def read_body(body: object, *, path_id: str | None) -> dict[str, Any]:
    """A copy of the body with a checked id and without the members only responses hold.

    Raises `BadRequest` with the texts of docs/native-api.md, Configuration errors.
    """
    if not isinstance(body, dict):
        raise InvalidPayload("expected JSON object body")
    key = body.get("id")
    if not isinstance(key, str) or not key.strip():
        raise BadRequest("missing 'id' field in body", code="missing_id")
    if path_id is not None and path_id != key:
        raise InvalidPayload(f"path id '{path_id}' does not match body id '{key}'")
    if problem := problem_of_id(key):
        raise InvalidPayload(problem)
    if _is_deeper_than(body, MAX_DEPTH):
        raise InvalidPayload(f"nested more than {MAX_DEPTH} levels deep")
    return {name: value for name, value in body.items() if name not in RESPONSE_ONLY}


def normalise(namespace: Namespace, body: Mapping[str, Any], *, stored: Secrets) -> Document:
    """Validate a body and fill in defaults; secrets it leaves out are taken from ``stored``.

    Raises `InvalidPayload`.
    """
    if is_reserved(namespace.name, str(body.get("id"))):
        raise InvalidPayload(f"the id '{body['id']}' is reserved")
    body = _without_token_flag(body) if namespace.name == AGENTS else dict(body)
    full = dump(parse(namespace, body))
    if namespace.name == AGENTS and full["endpoint"]:
        _check_address("endpoint.base_url", full["endpoint"]["base_url"])
    if namespace.name == MCP_SERVERS and full["transport"] != "stdio":
        _check_address("url", full["url"])
        if full["auth"]:
            _check_address("auth.issuer", full["auth"]["issuer"])
    _keep_left_out(namespace, body, full, stored)
    namespace.secret.keep_redacted(full, stored)
    public, secrets = namespace.secret.split(full)
    return Document(namespace, str(full["id"]), _without_blank_auth(public, secrets), secrets)


def _check_address(member: str, url: str) -> None:
    """Only for writes: what is stored stays readable when the operator narrows the rules."""
    try:
        check_url(url)
    except EgressRefused as refused:
        raise InvalidPayload(f"{member}: {refused.reason}") from None


def parse(namespace: Namespace, document: Mapping[str, Any]) -> Spec:
    """The document as its pydantic model. Raises `InvalidPayload`."""
    try:
        return namespace.spec.model_validate(document)
    except ValidationError as error:
        sentence, issues = describe(error)
        raise InvalidPayload(sentence, issues=issues) from None


def dump(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def outward(
    namespace: Namespace, public: Mapping[str, Any], secret_names: list[str]
) -> dict[str, Any]:
    """The public document as clients see it: flags instead of secrets, unset optionals omitted."""
    shown = {
        name: value
        for name, value in public.items()
        if value is not None or name in namespace.shown_as_null
    }
    if namespace.name == PROVIDERS and _API_KEY in secret_names:
        shown["has_api_key"] = True
    if namespace.name == MCP_SERVERS:
        shown |= _mcp_flags(shown, secret_names)
    if namespace.name == AGENTS and shown.get("endpoint"):
        shown["endpoint"] = _endpoint_outward(shown["endpoint"], secret_names)
    return shown


def _mcp_flags(shown: dict[str, Any], secret_names: list[str]) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    if keys := names_below(secret_names, ("env",)):
        flags |= {"has_env": True, "env_keys": keys}
    if keys := names_below(secret_names, ("headers",)):
        flags |= {"has_headers": True, "header_keys": keys}
    if shown.get("auth"):
        flags["auth"] = {name: value for name, value in shown["auth"].items() if value is not None}
        if _CLIENT_SECRET in secret_names:
            flags["auth"]["has_client_secret"] = True
    return flags


def _endpoint_outward(endpoint: dict[str, Any], secret_names: list[str]) -> dict[str, Any]:
    shown = {name: value for name, value in endpoint.items() if value is not None}
    if _TOKEN in secret_names:
        shown["auth"] = {**shown["auth"], "has_token": True}
    return shown


def _without_token_flag(body: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = body.get("endpoint")
    if not isinstance(endpoint, dict) or not isinstance(auth := endpoint.get("auth"), dict):
        return dict(body)
    sent = {name: value for name, value in auth.items() if name != "has_token"}
    return {**body, "endpoint": {**endpoint, "auth": sent}}


def _keep_left_out(
    namespace: Namespace, body: Mapping[str, Any], full: dict[str, Any], stored: Secrets
) -> None:
    if namespace.name == PROVIDERS and "api_key" not in body:
        full["api_key"] = stored.get(_API_KEY)
    elif namespace.name == MCP_SERVERS:
        for member in {"env", "headers"} - body.keys():
            names = names_below(list(stored), (member,))
            full[member] = {name: stored[pointer((member, name))] for name in names}
        if full["auth"] and "client_secret" not in body["auth"]:
            full["auth"]["client_secret"] = stored.get(_CLIENT_SECRET)
    elif namespace.name == AGENTS and full["endpoint"] and not _sends_token(body["endpoint"]):
        full["endpoint"]["auth"] = {"type": "bearer", "token": stored.get(_TOKEN)}


def _sends_token(endpoint: Mapping[str, Any]) -> bool:
    if "bearer_token" in endpoint:
        return True
    if "auth" not in endpoint:
        return False
    auth = endpoint["auth"]
    return auth is None or "token" in auth


def _without_blank_auth(public: dict[str, Any], secrets: Secrets) -> dict[str, Any]:
    if public.get("endpoint") and _TOKEN not in secrets:
        public["endpoint"]["auth"] = None
    return public


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        nested = [item for item in level if isinstance(item, dict | list)]
        level = [
            member
            for item in nested
            for member in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)
