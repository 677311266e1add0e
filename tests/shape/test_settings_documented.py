"""Every setting read from the environment is explained in ``docs/settings.md``."""

import ast

import pytest

import agentserver.settings
from runs.providers.adapters import ADAPTERS
from tests.environment import clean
from tests.shape.source import ROOT, python_files

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

READERS = {"text", "flag", "integer", "words"}


def names_read() -> set[str]:
    """The first argument of every call ``env.<reader>("NAME", ...)`` in the application."""
    return {
        node.args[0].value
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.func.attr in READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_it_finds_the_settings_it_guards() -> None:
    assert {"DATABASE_URL", "REDIS_URL", "AGENTSERVER_DATA"} <= names_read()


def test_it_documents_every_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert sorted(name for name in names_read() if f"`{name}`" not in page) == []


def test_it_documents_no_setting_that_nobody_reads() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = {word.strip("`") for word in page.split() if word.startswith("`AGENTSERVER_")}

    assert sorted(documented - names_read() - vars(agentserver.settings).keys()) == []


def test_it_keeps_the_settings_of_the_shell_out_of_the_tests() -> None:
    variables = {
        name
        for each in ADAPTERS.values()
        for name in (*each.key_variables, *each.base_url_variables)
    }
    names = names_read() | {"WEB_CONCURRENCY"} | variables
    services = {"DATABASE_URL", "REDIS_URL"}

    shell = {name: "1" for name in names} | {f"{name}_FILE": "/etc/hostname" for name in names}

    assert clean(shell).keys() == services
