"""The guards for httpx and for httpx2 are one text: what one is taught, the other knows."""

import pytest

from tests.shape.source import ROOT

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

EGRESS = ROOT / "agentserver" / "core" / "egress"


def text_of(name: str) -> str:
    """Without the digits that tell the libraries apart."""
    text = (EGRESS / name).read_text(encoding="utf-8")
    return text.replace("httpx2", "httpx").replace("httpcore2", "httpcore")


def test_it_guards_both_http_libraries_alike() -> None:
    assert text_of("client2.py").splitlines() == text_of("client.py").splitlines()
