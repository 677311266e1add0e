"""Starting Django loads no model SDK: each costs tens of megabytes and most servers need one."""

import json
import subprocess
import sys

import pytest

from tests.shape.source import ROOT

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

HEAVY = [
    "pydantic_ai",
    "openai",
    "anthropic",
    "google.genai",
    "groq",
    "cohere",
    "mcp",
    "a2a",
    "numpy",
]
PROGRAM = """
import agentserver, django, json, os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")
django.setup()
if sys.argv[1:] == ["urls"]:
    from django.urls import get_resolver
    get_resolver().url_patterns
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_it_sets_up_django_without_any_sdk() -> None:
    assert modules_after() & set(HEAVY) == set()


def test_it_loads_the_routes_without_any_sdk() -> None:
    assert modules_after("urls") & set(HEAVY) == set()
