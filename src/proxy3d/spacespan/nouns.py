"""Find the nouns of a text: which words name categories, in the singular or the plural."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from proxy3d.english import plural


def parse(question: str, categories: Iterable[str]) -> tuple[str, list[str]]:
    """The question in lower case with its nouns replaced by <0>, <1>, ..., and the categories they stand for; longest words first."""
    forms, pattern = word_forms(frozenset(categories))
    nouns: list[str] = []

    def slot(match: re.Match) -> str:
        nouns.append(forms[match.group(1)])
        return f"<{len(nouns) - 1}>"

    return pattern.sub(slot, question.lower()), nouns


@lru_cache(maxsize=64)
def word_forms(categories: frozenset[str]) -> tuple[dict[str, str], re.Pattern]:
    """Singular and plural of each category, and a pattern that finds the longest of them in a text."""
    forms = {form: category for category in sorted(categories) for form in (category.lower(), plural(category).lower())}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return forms, re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b" if forms else r"(?!)")
