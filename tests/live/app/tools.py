"""Tools that write down each execution; those named ``hold…`` wait until a test lets them go."""

from runs.tools import tool
from tests.live.app import work
from tests.live.app.models import Effect


@tool
def count(key: str) -> str:
    """Count one execution, which must not happen twice."""
    work.of_this_process().note("count", key, "begin")
    return f"counted {key}"


@tool(idempotent=True, timeout_seconds=None)
def hold(key: str) -> str:
    """Wait for the gate. May be repeated."""
    return _held("hold", key)


@tool(timeout_seconds=None)
def hold_once(key: str) -> str:
    """Wait for the gate. Nobody may repeat it without asking."""
    return _held("hold_once", key)


@tool(transactional=True)
def store(key: str) -> str:
    """Store one row."""
    return _stored("store", key)


@tool(transactional=True, timeout_seconds=None)
def hold_store(key: str) -> str:
    """Store one row, and wait for the gate before it is committed."""
    stored = _stored("hold_store", key)
    work.of_this_process().pass_gate(key)
    return stored


def _stored(name: str, key: str) -> str:
    work.of_this_process().note(name, key, "begin")
    Effect.objects.create(key=key)
    return f"stored {key}"


def _held(name: str, key: str) -> str:
    here = work.of_this_process()
    here.note(name, key, "begin")
    here.pass_gate(key)
    here.note(name, key, "end")
    return f"held {key}"
