"""JSON Schemas of stored documents, for ``GET /v1/config/:ns/$schema`` and the admin's forms."""

from functools import cache
from typing import Any

from config.namespaces import find_namespace

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def namespace_schema(name: str) -> dict[str, Any]:
    """Draft 2020-12 schema of the stored form; secrets are ``writeOnly``. A fresh dict each call.

    Raises `NotFound` for an unknown namespace.
    """
    return {"$schema": DIALECT, **_schema_of(find_namespace(name).name)}


@cache
def _schema_of(name: str) -> dict[str, Any]:
    return find_namespace(name).spec.model_json_schema(mode="validation")
