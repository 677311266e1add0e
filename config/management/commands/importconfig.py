"""``manage.py importconfig``: apply a reviewed configuration, or show what it would change."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agentserver.core.errors import ApiError
from config.exchange import from_yaml
from config.importing import Import, import_documents

ACTOR = "importconfig"


class Command(BaseCommand):
    help = "Read YAML as exportconfig writes it. Shows the difference; --apply stores it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="- is standard input")
        parser.add_argument("--apply", action="store_true", help="write, in one transaction")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="delete what users made in the file's namespaces and the file lacks",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            found = import_documents(
                documents=from_yaml(_read(options["file"])),
                actor=ACTOR,
                apply=options["apply"],
                prune=options["prune"],
            )
        except ApiError as error:
            raise CommandError(_sentence(error)) from error
        self._report(found, applied=options["apply"])

    def _report(self, found: Import, *, applied: bool) -> None:
        self.stdout.write(found.diff, ending="")
        for change in found.changes:
            self.stdout.write(change)
        for warning in found.warnings:
            self.stderr.write(f"warning: {warning}")
        if not found.changes:
            self.stdout.write("nothing changes")
        elif not applied:
            self.stdout.write("dry run: nothing was written, --apply does")


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}") from error


def _sentence(error: ApiError) -> str:
    users = error.details.get("used_by", ())
    names = ", ".join(f"{user['namespace']}/{user['id']}" for user in users)
    return f"{error.message} ({names})" if names else error.message
