"""The official conformance suite against a live server: every required scenario, both revisions."""

import pytest

from tests.clients.mcp_sdk.suite import REQUIRED, run_suite
from tests.live.server import StartServer


@pytest.mark.timeout(180)
def test_it_passes_what_both_revisions_require(start_server: StartServer) -> None:
    server = start_server(env={"AGENTSERVER_APPS": "tests.mcp_fixtures"})
    for revision, wanted in REQUIRED.items():
        score = run_suite(f"{server.url}/v1/mcp", revision)
        assert score.failed == [], score.output[-6000:]
        assert len(score.required) == wanted, score.output[-6000:]
