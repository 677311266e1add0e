"""The official conformance suite against a live server: every required scenario, both revisions."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.mcp_sdk.suite import REQUIRED, run_suite
from tests.live.server import StartServer


@pytest.mark.timeout(180)
def test_it_passes_what_both_revisions_require(start_server: StartServer) -> None:
    url = f"{start_server(env={'AGENTSERVER_APPS': 'tests.mcp_fixtures'}).url}/v1/mcp"
    # Side by side: each suite waits most of its time.
    with ThreadPoolExecutor(len(REQUIRED)) as suites:
        scores = list(suites.map(lambda revision: run_suite(url, revision), REQUIRED))
    for score, wanted in zip(scores, REQUIRED.values(), strict=True):
        assert score.failed == [], score.output[-6000:]
        assert len(score.required) == wanted, score.output[-6000:]
