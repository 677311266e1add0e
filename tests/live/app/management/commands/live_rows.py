"""``manage.py live_rows``: everything the database knows of runs, as JSON, for as long as asked.

Prepares the database first (what a deployment does before it starts), then says ``[]`` and answers
each line of its input, a list of run ids, with a line of its own.
"""

import json
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.db.models import Model, QuerySet

from runs.models import Run, RunEvents, ToolCall
from tests.engine.folding import assert_fold
from tests.live.app.models import Effect
from threads.models import Message


class Command(BaseCommand):
    """`misfold` says where the stored log and the rows disagree; empty when they agree."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("load_defaults", verbosity=0, stdout=sys.stderr)
        self._answer([])
        for line in sys.stdin:
            runs = Run.objects.filter(pk__in=json.loads(line))
            self._answer({run.pk: _everything(run) for run in runs})
            connections.close_all()

    def _answer(self, found: Any) -> None:
        self.stdout.write(json.dumps(found, default=str))
        self.stdout.flush()


def _everything(run: Run) -> dict[str, Any]:
    messages = Message.objects.filter(thread_id=run.thread_id).order_by("seq")
    return {
        "run": _rows(Run.objects.filter(pk=run.pk))[0],
        "messages": _rows(messages),
        "events": _rows(RunEvents.objects.filter(run=run).order_by("first_seq")),
        "calls": _rows(ToolCall.objects.filter(run=run).order_by("pk")),
        "effects": Effect.objects.filter(key__in=_texts(messages)).count(),
        "misfold": _misfold(run),
    }


def _rows(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    return [_row(row) for row in rows]


def _row(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _texts(messages: QuerySet[Message]) -> list[str]:
    """The words of the user, which are the keys that the tools are called with."""
    users = messages.filter(role="user")
    return [block["text"] for message in users for block in message.content]


def _misfold(run: Run) -> str:
    try:
        assert_fold(run)
    except AssertionError as error:
        return f"{error}" or "the log folds to something else"
    return ""
