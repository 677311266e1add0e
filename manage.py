#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def _data_folder_from(arguments: list[str]) -> str | None:
    """``--data DIR`` decides where settings find the database, so it is read before them."""
    for index, argument in enumerate(arguments):
        if argument.startswith("--data="):
            return argument.removeprefix("--data=")
        if argument == "--data" and index + 1 < len(arguments):
            return arguments[index + 1]
    return None


def main() -> None:
    data = _data_folder_from(sys.argv)
    if data:
        os.environ["AGENTSERVER_DATA"] = data
    if sys.argv[1:2] in (["serve"], ["runserver"]):
        os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentserver.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
