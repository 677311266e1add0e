"""Orders the finished document: its tags by area, unknown ones at the end."""

from typing import Any

from agentserver.core.api.docs_settings import AREAS, OTHER_GROUP, SCHEMAS_TAG

Document = dict[str, Any]


def arrange(result: Document, generator: Any, request: Any, public: bool) -> Document:
    """A hook of drf-spectacular. Only tags with operations appear; Redoc shows them in groups."""
    used = _used_tags(result)
    groups = [
        {"name": group, "tags": [tag for tag, *_ in tags if tag in used]} for group, tags in AREAS
    ]
    known = {tag: _tag(tag, title, text) for _, tags in AREAS for tag, title, text in tags}
    others = sorted(used - known.keys())
    groups += [{"name": OTHER_GROUP, "tags": others}, {"name": SCHEMAS_TAG, "tags": [SCHEMAS_TAG]}]
    result["tags"] = [tag for name, tag in known.items() if name in used]
    result["tags"] += [{"name": name} for name in others]
    result["x-tagGroups"] = [group for group in groups if group["tags"]]
    return result


def _tag(name: str, title: str, text: str) -> dict[str, str]:
    return {"name": name, "x-displayName": title, "description": text}


def _used_tags(document: Document) -> set[str]:
    return {
        tag
        for methods in document["paths"].values()
        for described in methods.values()
        if isinstance(described, dict)
        for tag in described.get("tags", ())
    }
