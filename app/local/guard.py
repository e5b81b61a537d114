"""Become a command that does not outlive whoever started it: `python guard.py PARENT SIGNAL USER COMMAND...`

Run by its path, before anything else of the project is imported, and replaced by the command at once. Linux sends
SIGNAL when the process PARENT dies, however it dies; elsewhere what is left behind is ended by the next start.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(signum: int, parent: int) -> None:
    """Have `signum` sent to this process when `parent` dies; exit now if that has happened already."""
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0):
        raise OSError("prctl refused PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        sys.exit(1)


def become(user: str) -> None:
    """Give up root for good."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(arguments: list[str]) -> None:
    """Take on the user ('-': stay who we are), tie the knot, and become the command."""
    parent, signum, user, *command = arguments
    if user != "-":
        become(user)  # first: a change of user unties the knot
    die_with_parent(int(signum), int(parent))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the parent waits for its signals with them blocked
    os.execvp(command[0], command)  # noqa: S606 - the whole point


if __name__ == "__main__":
    main(sys.argv[1:])
