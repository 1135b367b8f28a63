"""Read text and lengths out of model output without ever running it."""

from __future__ import annotations

import re
import unicodedata

from proxy3d.errors import BadInput

# A length is a unit that can be nothing else ("two metres"), or a digit before one that could be ("2-m", "6 foot", "4 m2").
LENGTH = re.compile(
    r"(?<![a-z])(?:(?:kilo|deci|centi|milli)?met(?:re|er)s?|[kdcm]m|inch(?:es)?|feet)(?![a-z])"
    r"|\d[\W_]*(?:(?:square|sq|cubic|linear)[\W_]*)?(?:m|ft|foot|yards?|yds?|[\u2032\u2033])(?![a-z])",
    re.IGNORECASE,
)
LONGEST_QUESTION = 400  # characters; about what the model was trained on, tenfold
NO_SCALE = "cannot tell: the capture has no metric scale"


def clean_answer(text: str, *, metric: bool) -> str:
    """One line without control characters; without metric scale no length is ever stated."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    # Compatibility forms first: a wide digit or the one-character sign for centimetres says a length too.
    return NO_SCALE if not metric and LENGTH.search(unicodedata.normalize("NFKC", line)) else line


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
