"""``manage.py exportconfig``: the configuration as YAML for a repository."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.exchange import ORDER, export_documents, to_yaml


class Command(BaseCommand):
    help = "Write the stored configuration as YAML. Secrets are left out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default="-", metavar="FILE", help="- is standard output")
        parser.add_argument(
            "--namespace", action="append", choices=ORDER, help="only this one; may be repeated"
        )
        parser.add_argument(
            "--builtin", action="store_true", help="also documents that the code declares"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        documents = export_documents(options["namespace"] or ORDER, builtin=options["builtin"])
        text = to_yaml(documents)
        if options["output"] == "-":
            self.stdout.write(text, ending="")
        else:
            Path(options["output"]).write_text(text, encoding="utf-8", newline="\n")
