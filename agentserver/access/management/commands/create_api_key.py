from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agentserver.access.services import create_key
from agentserver.core.errors import BadRequest
from agentserver.core.ids import optional_id


class Command(BaseCommand):
    help = "Creates an API key and prints it once; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scopes", required=True, help="comma-separated: read, run, config, admin"
        )
        parser.add_argument("--resource", default="", help="bind the key to one resource id")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="days until it expires")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["expires"] is not None and options["expires"] < 1:
            raise CommandError("--expires must be at least 1 day")
        try:
            _, token = create_key(
                name=options["name"],
                scopes=[word.strip() for word in options["scopes"].split(",") if word.strip()],
                resource_id=optional_id(options["resource"], what="resource id") or "",
                expires_in_days=options["expires"],
            )
        except BadRequest as error:
            raise CommandError(error.message) from None
        self.stdout.write(token)
