"""OpenAPI from `Operation` records: drf-spectacular's generator, our sources."""

import inspect
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from pydantic import BaseModel, TypeAdapter

from agentserver.core.api.docs_parameters import ERRORS, HEADERS, PATH, RETRY_AFTER
from agentserver.core.api.errors import ErrorBody
from agentserver.core.api.operation import (
    EventStream,
    Operation,
    Raw,
    Several,
    operation_of,
)

Schema = dict[str, Any]
_VARIABLE = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{model}"


class ApiSchema(AutoSchema):
    """Describes the handlers of an `ApiView`. Models are registered under their class names."""

    @property
    def operation(self) -> Operation:
        handler = getattr(self.view, self.method.lower())
        found = operation_of(handler)
        if found is None:
            raise TypeError(f"{handler!r} has no @operation")
        return found

    def is_excluded(self) -> bool:
        return self.method in {"HEAD", "OPTIONS"}

    def _is_list_view(self, serializer: Any = None) -> bool:
        # Else filters and pages would be guessed from serializers that do not exist here.
        return False

    def get_operation_id(self) -> str:
        words = re.sub(r"[^a-zA-Z0-9]+", "_", self.path.replace("{", "by_")).strip("_")
        return f"{self.method.lower()}_{words}"

    def get_summary(self) -> str:
        return self.operation.summary

    def get_description(self) -> str:  # type: ignore[override]  # the stubs disagree
        said = inspect.getdoc(getattr(self.view, self.method.lower())) or ""
        scope = self.operation.scope
        return said if scope is None else f"{said}\n\nScope: `{scope}`".strip()

    def get_tags(self) -> list[str]:
        tag = getattr(self.view, "tag", "")
        return [tag] if tag else list(super().get_tags())

    def get_extensions(self) -> Schema:
        return {"x-scope": self.operation.scope or "public"}

    def get_auth(self) -> list[Schema]:
        return [] if self.operation.scope is None else list(super().get_auth())

    def get_override_parameters(self) -> list[Any]:
        query = self.operation.query
        path = [name for name in _VARIABLE.findall(self.path) if name in PATH]
        return [
            *(_parameter(name, PATH[name], OpenApiParameter.PATH) for name in path),
            *(self._query_parameters(query) if query else ()),
            *(_parameter(name, HEADERS[name], "header") for name in self.operation.headers),
        ]

    def _query_parameters(self, query: type[BaseModel]) -> Iterator[OpenApiParameter]:
        schema = query.model_json_schema(ref_template=_REF)
        self._register_all(schema.pop("$defs", {}))
        for name, shape in schema.get("properties", {}).items():
            described = shape.pop("description", "")
            shape.pop("title", None)
            required = name in schema.get("required", ())
            yield OpenApiParameter(name, type=shape, required=required, description=described)

    def _get_request_body(self, direction: str = "request") -> Schema | None:
        described = self.operation
        if described.body is None:
            return None
        content = {"application/json": {"schema": self.schema_of(described.body)}}
        content["application/json"] |= _examples(described.examples, "body")
        return {"content": content, "required": not described.empty_body}

    def _get_response_bodies(self, direction: str = "response") -> Schema:
        answers = {
            str(status): self._answer(status, answer)
            for status, answer in self.operation.answers.items()
        }
        for status in sorted(self._error_statuses() - self.operation.answers.keys()):
            answers[str(status)] = self._error(status)
        return answers

    def _error(self, status: int) -> Schema:
        model = getattr(self.view, "error_model", ErrorBody)
        content = {"schema": self.schema_of(model)}
        if model is ErrorBody and status in ERRORS:
            content["example"] = ERRORS[status]
        described: Schema = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": content},
        }
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            described["headers"] = RETRY_AFTER
        return described

    def _error_statuses(self) -> set[int]:
        described = self.operation
        statuses = set(described.errors)
        if described.body or described.query or "{" in self.path:
            statuses.add(400)
        if described.scope is not None:
            statuses |= {401, 403, 429}
        if described.body is not None:
            statuses |= {413, 415, 422}
        return statuses

    def _answer(self, status: int, answer: Any) -> Schema:
        alternatives = answer if isinstance(answer, tuple) else (answer,)
        described: Schema = {"description": HTTPStatus(status).phrase}
        content: Schema = {}
        for alternative in alternatives:
            if isinstance(alternative, EventStream | Raw):
                described["description"] = alternative.description
            if alternative is not None:
                content |= self._content(alternative)
        for first in list(content.values())[:1]:
            first |= _examples(self.operation.examples, status)
        return {**described, "content": content} if content else described

    def _content(self, answer: Any) -> Schema:
        if isinstance(answer, Raw):
            return {answer.media_type: {"schema": self.schema_of(answer.data)}}
        if isinstance(answer, EventStream):
            frames: Schema = {"type": "string"}
            if answer.data is not None:
                frames["contentMediaType"] = "application/json"
                frames["contentSchema"] = self.schema_of(answer.data)
            return {"text/event-stream": {"schema": frames}}
        return {"application/json": {"schema": self.schema_of(answer)}}

    def schema_of(self, wire: Any) -> Schema:
        """A reference to the registered component of a model; other types are written in place."""
        schema = TypeAdapter(wire).json_schema(ref_template=_REF)
        self._register_all(schema.pop("$defs", {}))
        if not hasattr(wire, "model_json_schema") or "$ref" in schema:
            return schema
        name = re.sub(r"[^a-zA-Z0-9.\-_]", "_", wire.__name__)
        return _register(self.registry, name, schema)

    def _register_all(self, schemas: dict[str, Schema]) -> None:
        for name, schema in schemas.items():
            _register(self.registry, name, schema)


def _parameter(name: str, facts: Schema, location: Any) -> OpenApiParameter:
    shape: Schema = {"type": "string"}
    if "example" in facts:
        shape["examples"] = [facts["example"]]
    return OpenApiParameter(
        name,
        type=shape,
        location=location,
        required=location == OpenApiParameter.PATH,
        description=facts["description"],
    )


def _examples(given: Mapping[str | int, Any], key: str | int) -> Schema:
    if key not in given:
        return {}
    value = given[key]
    named = value if isinstance(value, Several) else {"example": value}
    return {"examples": {name: {"value": each} for name, each in named.items()}}


def _register(registry: ComponentRegistry, name: str, schema: Schema) -> Schema:
    component = ResolvedComponent(  # type: ignore[no-untyped-call]
        name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name
    )
    if component not in registry:
        registry.register(component)
    elif registry[component].schema != schema:
        warn(f"two different wire models are called {name}: rename one")
    return component.ref
