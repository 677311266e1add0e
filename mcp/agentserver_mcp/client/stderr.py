"""The last words of a server's process: what explains best why it does not work."""

import asyncio
import os
from contextlib import suppress
from typing import TextIO

KEPT_BYTES = 4096
SHOWN_CHARACTERS = 300


class Stderr:
    """A pipe for a child's standard error; its end is kept, nothing of it is logged.

    `writer` is for the child: close it with `started` once the child has it. Used on one loop.
    """

    def __init__(self) -> None:
        self._reader, writing = os.pipe()
        os.set_blocking(self._reader, False)
        self.writer: TextIO = os.fdopen(writing, "w")
        self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self._read)

    def started(self) -> None:
        self.writer.close()

    def close(self) -> None:
        self._read()
        if self._reader >= 0:
            self._end()
        self.writer.close()

    def last_words(self) -> str:
        """The end of what the child wrote, on one line; "" when it wrote nothing."""
        self._read()
        lines = self._tail.decode(errors="replace").split("\n")
        text = " ".join(line.strip() for line in lines if line.strip())
        return text[-SHOWN_CHARACTERS:]

    def _read(self) -> None:
        if self._reader < 0:
            return
        with suppress(BlockingIOError):
            while chunk := os.read(self._reader, KEPT_BYTES):
                self._tail = (self._tail + chunk)[-KEPT_BYTES:]
            self._end()

    def _end(self) -> None:
        self._loop.remove_reader(self._reader)
        os.close(self._reader)
        self._reader = -1
