"""Errors meant for people: one line that says what, where and what to do. Anything else that escapes is a bug."""

from __future__ import annotations


class TamisError(Exception):
    """A problem of input or use, told in one clear line; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class UsageError(TamisError):
    """The command or the declaration is wrong (exit code 2)."""

    exit_code = 2
