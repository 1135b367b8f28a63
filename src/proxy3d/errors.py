"""The one exception that means the input is wrong: its message is a single line a user can act on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps


class BadInput(ValueError):
    """What was found, what was expected, and what to type next, in one line.

    The command line prints the message and exits with 2; anything else that escapes is a defect of ours and exits with 1.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))


def command(main: Callable[..., None]) -> Callable[..., int]:
    """A function that does what a command line says, as one that returns its exit status: 0, or 2 with the line of BadInput on stderr."""

    @wraps(main)
    def status(*arguments: object) -> int:
        try:
            main(*arguments)
        except BadInput as error:
            print(error, file=sys.stderr)
            return 2
        return 0

    return status
