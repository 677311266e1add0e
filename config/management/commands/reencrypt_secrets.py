"""``manage.py reencrypt_secrets``: move stored secrets to the newest encryption key."""

from typing import Any

from django.core.management.base import BaseCommand

from config.rotation import reencrypt_secrets


class Command(BaseCommand):
    help = "Re-encrypt all stored secrets with the first of AGENTSERVER_SECRET_KEYS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(f"{reencrypt_secrets()} rows re-encrypted")
