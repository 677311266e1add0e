"""The configuration as a text that reads well in review: YAML, one list of documents by namespace.

Defaults are left out, prompts of several lines are block scalars, the order is stable. A stored
secret reads ``[redacted]``; in an import that keeps the stored one.
"""

import sys
from collections.abc import Collection, Iterable
from typing import Any, Final

import yaml

from agentserver.core.errors import BadRequest
from config.documents import parse
from config.models import Entry
from config.namespaces import AGENTS, MCP_SERVERS, MODELS, NAMESPACES, PROVIDERS

# What others refer to comes first.
ORDER: Final = (PROVIDERS, MODELS, MCP_SERVERS, AGENTS)
Documents = dict[str, list[dict[str, Any]]]

# Line ends that YAML's block and quoted styles would rewrite.
_OTHER_BREAKS = frozenset("\r\x85\u2028\u2029")


class InvalidFile(BadRequest):
    code = "invalid_file"


def export_documents(namespaces: Collection[str] = ORDER, *, builtin: bool = False) -> Documents:
    """All documents of some namespaces, ordered by id. Builtin ones that nobody changed only with
    ``builtin``: the code has them already."""
    rows = Entry.objects.visible().order_by("key")
    return {
        name: [
            written(row)
            for row in rows.of_namespace(name)
            if builtin or row.overrides or row.source == Entry.Source.USER
        ]
        for name in ORDER
        if name in namespaces
    }


def written(entry: Entry) -> dict[str, Any]:
    """The document without members that have their default, secrets masked."""
    space = NAMESPACES[entry.namespace]
    members = parse(space, entry.spec).model_dump(mode="json", exclude_defaults=True)
    return space.secret.masked(members, entry.secret_names)


def to_yaml(documents: Documents) -> str:
    """Ends with a line feed; the empty text for no documents at all."""
    shown = {name: documents[name] for name in ORDER if name in documents}
    if not shown:
        return ""
    return yaml.dump(
        shown,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=sys.maxsize,
    )


def from_yaml(text: str) -> Documents:
    """What `to_yaml` wrote, or a person. Raises `InvalidFile`."""
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidFile(f"not YAML: {error}") from None
    if not isinstance(found, dict):
        raise InvalidFile("expected lists of documents by namespace")
    return {name: _documents(name, value) for name, value in found.items()}


def _documents(name: Any, value: Any) -> list[dict[str, Any]]:
    if name not in NAMESPACES:
        raise InvalidFile(f"unknown namespace: {name}")
    documents = [] if value is None else value
    if not isinstance(documents, list):
        raise InvalidFile(f"{name}: expected a list of documents")
    for number, document in enumerate(documents, 1):
        if not isinstance(document, dict) or not _is_json(document):
            raise InvalidFile(f"{name}: document {number} is not a JSON object")
    if again := _repeated(document.get("id") for document in documents):
        raise InvalidFile(f"{name}: {again} is there twice")
    return documents


def _repeated(ids: Iterable[Any]) -> Any:
    seen: list[Any] = []
    for each in ids:
        if each in seen:
            return each
        seen.append(each)
    return None


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(member) for name, member in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | bool | int | float)


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists are indented below the member that holds them.
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if _OTHER_BREAKS & set(text):
        style = '"'
    elif "\n" in text:
        # Leading white space would need an indentation indicator, which reads badly.
        style = '"' if text[0] in " \n" else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


class _Loader(yaml.SafeLoader):
    """Refuses a member that is there twice, and reads dates as the texts they are."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if again := _repeated(names):
            raise yaml.constructor.ConstructorError(
                None, None, f"{again!r} is there twice", node.start_mark
            )
        return super().construct_mapping(node, deep)
