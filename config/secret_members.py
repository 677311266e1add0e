"""Which members of a document are secret, and how they are taken out and put back.

A secret is addressed by a JSON pointer (RFC 6901) into its document. *Named* secrets (an API key,
each variable of an MCP server's environment, a bearer token) are absent from the public document.
*Lookalikes* are members below a free-form object whose name looks secret; the public document
holds ``[redacted]`` in their place. In the place of either a write may send ``[redacted]`` to keep
the stored value.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentserver.core.secrets import REDACTED, is_secret_member
from config.errors import InvalidPayload

Path = tuple[str | int, ...]
Secrets = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SecretMembers:
    """Where the secrets of one namespace lie.

    ``named``: paths of single secrets; ``maps``: objects all of whose values are secret;
    ``free_form``: objects searched for lookalikes.
    """

    named: tuple[tuple[str, ...], ...] = ()
    maps: tuple[tuple[str, ...], ...] = ()
    free_form: tuple[tuple[str, ...], ...] = ()

    def split(self, document: Mapping[str, Any]) -> tuple[dict[str, Any], Secrets]:
        """The public document and its secrets by pointer; blank secrets are dropped."""
        public = copy.deepcopy(dict(document))
        secrets: Secrets = {}
        for path in self.named:
            if value := _pop(public, path):
                secrets[pointer(path)] = value
        for path in self.maps:
            for name, value in (_pop(public, path) or {}).items():
                secrets[pointer((*path, name))] = value
        for place, owner, name, value in self._lookalikes(public):
            if value != "":
                secrets[pointer(place)] = value
                owner[name] = REDACTED
        return public, secrets

    def join(self, public: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
        """The inverse of `split`. A placeholder whose secret is missing is left out."""
        document = copy.deepcopy(dict(public))
        for path in self.named:
            if (value := secrets.get(pointer(path))) is not None:
                _set(document, path, value)
        for path in self.maps:
            found = dict(_below(secrets, path))
            _set(document, path, found)
        for place, owner, name, value in list(self._lookalikes(document)):
            if value == REDACTED:
                _replace(owner, name, secrets.get(pointer(place)))
        return document

    def masked(self, public: Mapping[str, Any], pointers: list[str]) -> dict[str, Any]:
        """The public document with ``[redacted]`` in the place of each stored secret."""
        document = copy.deepcopy(dict(public))
        for path in self.named:
            if pointer(path) in pointers:
                _set(document, path, REDACTED)
        for path in self.maps:
            if names := names_below(pointers, path):
                _set(document, path, dict.fromkeys(names, REDACTED))
        return document

    def keep_redacted(self, document: dict[str, Any], stored: Secrets) -> None:
        """Put stored values where a write sent ``[redacted]`` back; in place.

        Raises `InvalidPayload` where nothing is stored.
        """
        for path, owner, name in list(self._placeholders(document)):
            kept = stored.get(pointer(path))
            if kept is None:
                raise InvalidPayload(f"{_dotted(path)}: {REDACTED} stands for no stored value")
            owner[name] = kept

    def drop_unknown(self, document: dict[str, Any], stored: Secrets) -> list[str]:
        """Remove each ``[redacted]`` that stands for no stored value, in place; where they were."""
        unknown = [
            (path, owner, name)
            for path, owner, name in self._placeholders(document)
            if stored.get(pointer(path)) is None
        ]
        for _, owner, name in unknown:
            del owner[name]
        return [_dotted(path) for path, _, _ in unknown]

    def _placeholders(self, document: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any], str]]:
        for path in self.named:
            owner = _get(document, path[:-1])
            if isinstance(owner, dict) and owner.get(path[-1]) == REDACTED:
                yield path, owner, path[-1]
        for path in self.maps:
            found = _get(document, path)
            for name in found if isinstance(found, dict) else ():
                if found[name] == REDACTED:
                    yield (*path, name), found, name
        for place, owner, name, value in self._lookalikes(document):
            if value == REDACTED:
                yield place, owner, name

    def _lookalikes(
        self, document: dict[str, Any]
    ) -> Iterator[tuple[Path, dict[str, Any], str, Any]]:
        for path in self.free_form:
            yield from _walk(_get(document, path), path)


def pointer(path: Path) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def names_below(pointers: list[str], path: tuple[str, ...]) -> list[str]:
    """The member names of a secret map, from the pointers of its secrets."""
    prefix = f"{pointer(path)}/"
    found = [each.removeprefix(prefix) for each in pointers if each.startswith(prefix)]
    return sorted(name.replace("~1", "/").replace("~0", "~") for name in found)


def _below(secrets: Secrets, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in names_below(list(secrets), path):
        yield name, secrets[pointer((*path, name))]


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any], str, Any]]:
    """Lookalikes as (path, object that holds it, member name, value)."""
    if isinstance(value, dict):
        for name, member in value.items():
            if is_secret_member(name, member):
                yield (*path, name), value, name, member
            else:
                yield from _walk(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


def _get(document: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _pop(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    owner = _get(document, path[:-1])
    return owner.pop(path[-1], None) if isinstance(owner, dict) else None


def _set(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    owner = _get(document, path[:-1])
    if isinstance(owner, dict):
        owner[path[-1]] = value


def _replace(owner: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        del owner[name]
    else:
        owner[name] = value
