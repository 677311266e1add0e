"""What a docstring says about a tool and its parameters (Google, NumPy or Sphinx style)."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Description:
    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def describe(function: Callable[..., Any]) -> Description:
    """The text before the first section, and the text of each documented parameter."""
    text = inspect.getdoc(function) if function.__doc__ else None
    if not text:
        return Description()
    if "\n" not in text:
        # One line has no sections: importing the parser (a tenth of a second) can wait.
        return Description(text.strip())
    return _parse(text)


def _parse(text: str) -> Description:
    from griffe import (
        Docstring,
        DocstringSectionParameters,
        DocstringSectionText,
        GoogleOptions,
        NumpyOptions,
        SphinxOptions,
        parse_auto,
    )

    # Unannotated entries are normal here (the types are in the signature), so nothing to warn of.
    sections = parse_auto(
        Docstring(text),
        default="google",
        per_style_options={
            "google": GoogleOptions(warnings=False),
            "numpy": NumpyOptions(warnings=False),
            "sphinx": SphinxOptions(warnings=False),
        },
    )
    summary = next((part.value for part in sections if isinstance(part, DocstringSectionText)), "")
    parameters = {
        entry.name.lstrip("*"): entry.description.strip()
        for part in sections
        if isinstance(part, DocstringSectionParameters)
        for entry in part.value
    }
    return Description(summary.strip(), parameters)
