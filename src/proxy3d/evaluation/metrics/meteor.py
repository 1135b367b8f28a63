"""METEOR 1.5 by its own Java program, where somebody has it; without it the score is absent, never 0."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy3d.errors import BadInput


@dataclass(frozen=True)
class Meteor:
    """METEOR (Denkowski and Lavie 2014) with the settings of the COCO scorers; `jar` is meteor-1.5.jar with its data beside it.

    The value of a corpus comes from summed statistics and is not the mean of its items.
    """

    jar: Path
    java: str = "java"

    def __post_init__(self):
        if not Path(self.jar).is_file():
            raise BadInput(f"{self.jar}: no such file; expected meteor-1.5.jar with its data beside it")
        if shutil.which(self.java) is None:
            raise BadInput("METEOR needs Java, and no java is on the path; install a runtime, or leave METEOR out: it is then reported as absent")

    def __call__(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
        """The corpus and each item, 0..1.

        Raises:
            BadInput: the program does not answer as METEOR 1.5 does.
        """
        command = [self.java, "-jar", "-Xmx2G", str(Path(self.jar).resolve()), "-", "-", "-stdio", "-l", "en", "-norm"]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", errors="replace")
        with subprocess.Popen(command, cwd=Path(self.jar).resolve().parent, **pipes) as program:
            try:
                asked = [["SCORE", *map(_line, several), _line(said)] for said, several in zip(hypotheses, references, strict=True)]
                counts = [self._ask(program, " ||| ".join(words)) for words in asked]
                first = self._ask(program, " ||| ".join(["EVAL", *counts]))
                found = [float(first), *(float(program.stdout.readline()) for _ in hypotheses)]
            except (OSError, ValueError) as error:
                raise BadInput(f"{self.jar}: does not answer as METEOR 1.5 does: {error}") from None
            finally:
                program.kill()
        return found[-1], found[:-1]

    @staticmethod
    def _ask(program: subprocess.Popen, line: str) -> str:
        program.stdin.write(line + "\n")
        program.stdin.flush()
        return program.stdout.readline().strip()


def _line(text: str) -> str:
    """One line without what separates fields there; lone surrogates cannot be sent."""
    return " ".join(text.replace("|||", " ").split()).encode("utf-8", "replace").decode("utf-8")
