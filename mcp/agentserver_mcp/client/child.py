"""Runs as the first program of a stdio server's process, then becomes the server.

``python child.py <pid of the worker> <command> <arguments…>``: asks the kernel (Linux) to kill this
process when the worker dies, however it dies, and executes the command in its place. It imports
nothing of the project, so that it costs a few milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
NOT_EXECUTABLE = 126
NOT_FOUND = 127


def main(parent: int, command: list[str]) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before the kernel was asked.
        os._exit(NOT_EXECUTABLE)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what the operator configured
    except FileNotFoundError:
        status, reason = NOT_FOUND, "command not found"
    except OSError as error:
        status, reason = NOT_EXECUTABLE, error.strerror or "cannot be executed"
    sys.stderr.write(f"{command[0]}: {reason}\n")
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
