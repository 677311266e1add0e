"""``manage.py serve``: the whole product in one process, set up and started."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agentserver.serving.openness import access_notice, refuse_to_be_open
from agentserver.serving.server import serve
from config.defaults import collect_defaults
from config.seeding import seed_builtin

BANNER = """
  agentserver is ready:  http://{host}:{{port}}
    health   http://{host}:{{port}}/health
    admin    http://{host}:{{port}}/admin/
    API      http://{host}:{{port}}/docs
    data     {data}
    access   {access}
  Press Ctrl-C to stop.
"""


NO_USER = """
  Nobody can sign in to the admin yet. In another terminal:
    AGENTSERVER_DATA={data} python manage.py createsuperuser
"""


class Command(BaseCommand):
    help = "Migrates the database, loads the built-in configuration, and serves with a worker."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="0 picks a free one")
        parser.add_argument("--data", help="data folder (database, keys); default ./data")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_to_be_open(options["host"])
        if self._has_pending_migrations():
            self.stdout.write("Preparing the database ...")
            call_command("migrate", interactive=False, verbosity=0)
        seed_builtin(collect_defaults())
        host = options["host"]
        banner = BANNER.format(host=host, data=settings.DATA, access=access_notice(host))
        if not get_user_model().objects.exists():
            banner += NO_USER.format(data=options["data"] or settings.DATA)
        serve(host=host, port=options["port"], announce=banner)

    def _has_pending_migrations(self) -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
