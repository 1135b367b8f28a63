"""Read text and lengths out of model output without ever running it."""

from __future__ import annotations

import re

from proxy3d.errors import BadInput

LENGTH = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*(?:m|metres?|meters?|cm|centimetres?|centimeters?)\b", re.IGNORECASE)
LONGEST_QUESTION = 400  # characters; about what the model was trained on, tenfold
NO_SCALE = "cannot tell: the capture has no metric scale"


def clean_answer(text: str, *, metric: bool) -> str:
    """One line without control characters; without metric scale no length is ever stated."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return NO_SCALE if not metric and LENGTH.search(line) else line


def checked_question(text: str, *, what: str = "question") -> str:
    """The text with its white space tidied.

    Raises:
        BadInput: empty, too long, or without a single letter.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not line:
        raise BadInput(f"the {what} is empty; type it in quotes, for example \"{'Is there a table?' if what == 'question' else 'the chair'}\"")
    if len(line) > LONGEST_QUESTION:
        raise BadInput(f"the {what} has {len(line)} characters; expected at most {LONGEST_QUESTION}, a sentence")
    if not any(c.isalpha() for c in line):
        raise BadInput(f"the {what} {line!r} has no words; expected English text")
    return line
