"""The one exception that means the input is wrong: its message is a single line a user can act on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import wraps
from typing import TextIO


class BadInput(ValueError):
    """What was found, what was expected, and what to type next, in one line.

    The command line prints the message and exits with 2; anything else that escapes is a defect of ours and exits with 1.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))


@dataclass(frozen=True)
class Printed:
    """Standard output that is told from other files when it cannot be written: a full disk behind it is no defect of ours."""

    stream: TextIO

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Raises BadInput where the stream takes nothing, and BrokenPipeError where nobody reads it any more."""
        return self._tried(lambda: self.stream.write(text))

    def flush(self) -> None:
        """Raises as `write` does."""
        self._tried(self.stream.flush)

    def _tried(self, work: Callable[[], object]) -> object:
        try:
            return work()
        except BrokenPipeError:
            self.silence()
            raise
        except OSError as error:
            self.silence()
            raise BadInput(f"stdout cannot be written ({error.strerror}); send it to a terminal, or to a file on a disk with room") from None

    def silence(self) -> None:
        """Nothing more is written, or the interpreter would try what is left once more as it ends."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def printed(work: Callable[[], object]) -> int:
    """Do work that prints, and its exit status: 0, or 141 where who reads it has seen enough (`| head`): the end, as for other programs.

    Raises:
        BadInput: stdout is closed or full, or what the work says.
    """
    if sys.stdout is None:
        raise BadInput("stdout cannot be written (it is closed); send it to a terminal or to a file")
    try:
        with redirect_stdout(Printed(sys.stdout)):
            work()
            sys.stdout.flush()
    except BrokenPipeError:
        return 141
    return 0


def command(main: Callable[..., None]) -> Callable[..., int]:
    """A function that does what a command line says, as one that returns its exit status: that of `printed`, or 2 with the line of BadInput."""

    @wraps(main)
    def status(*arguments: object) -> int:
        try:
            return printed(lambda: main(*arguments))
        except BadInput as error:
            print(error, file=sys.stderr)
            return 2

    return status
