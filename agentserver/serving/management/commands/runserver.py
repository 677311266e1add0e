"""``manage.py runserver``: Django's autoreloader around the ASGI server and its worker.

Django's own runserver speaks WSGI, which holds an asynchronous stream back until it is complete.
"""

import sys
from typing import Any

from django.contrib.staticfiles.management.commands.runserver import Command as RunserverCommand
from django.utils import autoreload

from agentserver.serving.openness import access_notice, refuse_to_be_open
from agentserver.serving.server import serve
from config.defaults import collect_defaults
from config.seeding import seed_builtin

READY = """\
agentserver is ready at http://{host}:{{port}}/ (reloads on change, Ctrl-C stops)
{access}"""


class Command(RunserverCommand):
    help = "Serves over ASGI with an embedded worker, restarting when the code changes."

    addr: str
    port: str

    def run(self, **options: Any) -> None:
        refuse_to_be_open(self.addr)
        super().run(**options)

    def inner_run(self, *args: Any, **options: Any) -> None:
        autoreload.raise_last_exception()
        self.check(display_num_errors=True)
        self.check_migrations()
        seed_builtin(collect_defaults())
        announce = READY.format(host=self.addr, access=access_notice(self.addr))
        try:
            serve(host=self.addr, port=int(self.port), announce=announce)
        except KeyboardInterrupt:
            sys.exit(0)
