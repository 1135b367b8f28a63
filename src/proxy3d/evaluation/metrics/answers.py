"""Is a short answer right? The rule of SpaceSpan, named `spacespan-v1` wherever a score is printed."""

from __future__ import annotations

import re

VARIANT = "spacespan-v1"
RELATIVE = 0.25  # a length may be off by a quarter, or by 10 cm where that is more
ABSOLUTE_M = 0.10


def tidy(text: str) -> str:
    """Lower case, no article, no final stop."""
    line = " ".join(text.lower().split()).rstrip(".!")
    return re.sub(r"^(the|a|an) ", "", line)


def metres(text: str) -> float | None:
    """The first length in a text, in metres; None when there is none."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*(cm|m)\b", tidy(text))
    return None if found is None else float(found[1]) * (0.01 if found[2] == "cm" else 1.0)


def square_metres(text: str) -> float | None:
    """The first area in a text, in square metres; None when there is none."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*(?:m2|m²|square met)", tidy(text))
    return None if found is None else float(found[1])


MEASURES = {"metres": (metres, ABSOLUTE_M), "square_metres": (square_metres, 0.0)}


def right(predicted: str, true: str, answer_type: str) -> bool:
    """Exact words for words and numbers; lengths within a quarter of the truth or 10 cm, areas within a quarter."""
    if answer_type not in MEASURES:
        return tidy(predicted) == tidy(true)
    measure, least = MEASURES[answer_type]
    value, truth = measure(predicted), measure(true)
    return value is not None and truth is not None and abs(value - truth) <= max(RELATIVE * truth, least)
