"""Child processes that never outlive the test run, whatever kills it."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PREFIX = "agsrv-"
_PR_SET_PDEATHSIG = 1
# Below the range from which the kernel takes ports of outgoing connections, so that a port found
# free stays free until the server has bound it.
_PORTS = range(15_000, 32_000)


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """For Popen's ``preexec_fn``: the kernel sends the child this signal when its parent ends.

    Covers ``kill -9`` of the test run on Linux; elsewhere only the ordinary clean-up applies.
    Popen calls it after dropping privileges, which is needed: changing the uid clears it.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)

    return arm


def stop(process: subprocess.Popen[str], first: signal.Signals, *, seconds: float = 10) -> None:
    """Signal the process group, wait, and kill what is left of the group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, first)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port on 127.0.0.1")


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, deleted at the end."""
    folder = unowned_scratch_folder()
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unowned_scratch_folder() -> str:
    """A temporary folder the caller deletes; short, because unix socket paths end at 107 bytes.

    The name carries our process id: folders left by a killed run are deleted here by the next.
    """
    base = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())
    _sweep(base)
    return tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base)


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def wait_until(ready: Callable[[], bool], *, what: str, seconds: float = 30) -> None:
    """Probe another program that has no way to call us; raises TimeoutError naming it."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready after {seconds:g} s")
        time.sleep(0.02)
