"""``manage.py load_defaults``: write the configuration that apps declare in code."""

from typing import Any

from django.core.management.base import BaseCommand

from config.defaults import collect_defaults
from config.seeding import seed_builtin


class Command(BaseCommand):
    help = "Load agents, models, providers and MCP servers that installed apps declare in code."

    def handle(self, *_args: Any, **_options: Any) -> None:
        published = seed_builtin(collect_defaults())
        self.stdout.write("published" if published else "nothing changed")
