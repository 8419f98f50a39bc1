"""Becomes a command in a network namespace: `python within.py FD PARENT COMMAND …`.

A program of its own: a process with threads cannot enter a namespace as a whole. Knows nothing of links;
imports nothing of the package, so that it starts at once.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1


def main() -> None:
    descriptor, parent, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    # Whoever holds the link ends, however it ends: then there is no link, and we end too.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("loadtest: ended before the command began")
    if libc.setns(descriptor, CLONE_NEWNET):
        sys.exit(f"loadtest: cannot enter the namespace: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's command is what this is for
    except OSError as error:
        print(f"loadtest: {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
