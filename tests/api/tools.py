"""Tools for scripted agents."""

import threading
from collections.abc import Callable


def echo_tool() -> str:
    """Says echoed."""
    return "echoed"


def waiting_tool(gate: threading.Event) -> Callable[[], str]:
    def wait() -> str:
        """Waits for the gate."""
        gate.wait(20)
        return "waited"

    return wait
