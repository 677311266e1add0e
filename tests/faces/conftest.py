import pytest

from tests.api.conftest import api, bound, open_access
from tests.faces.ag_ui_http import RunIds
from tests.faces.mcp_client_lab import servers

__all__ = ["api", "bound", "open_access", "servers"]


@pytest.fixture
def run_id() -> RunIds:
    """``run_id("r1")``: an id that no other test uses."""
    return RunIds()
