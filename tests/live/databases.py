"""A fresh, migrated Postgres database per live server, cloned from one template."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.live.process import ROOT


class DatabaseTemplate:
    """Migrates one database, then copies it: a clone takes a tenth of a migration."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self._admin_url = url
        self._name = self._create()
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            # What a deployment runs; `manage.py serve` does both by itself.
            for command in (["migrate", "--verbosity=0"], ["load_defaults", "--verbosity=0"]):
                self._manage(command, environment)
            undo.pop_all()

    @contextlib.contextmanager
    def clone(self) -> Iterator[str]:
        """The URL of a copy, dropped at the end whoever is still connected."""
        name = self._create(template=self._name)
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        self._drop(self._name)

    def _manage(self, command: list[str], environment: Mapping[str, str]) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env={**environment, "DATABASE_URL": self._url(self._name)},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def _create(self, template: str = "template1") -> str:
        name = f"live_{os.getpid()}_{uuid4().hex[:8]}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def _drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{name}"))
