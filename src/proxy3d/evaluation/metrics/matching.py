"""Is an answer one of the references? The cleaning and the rules of each public code base, by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

Match = tuple[bool, bool | None]  # exact, and refined: None where a rule has no refined match

SPOKEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()
REPAIRED = {
    "letf": "left", "let": "left", "tehre": "there", "rigth": "right", "rght": "right", "behine": "behind", "tv": "TV", "chai": "chair",
    "wasing": "washing", "waslked": "walked", "oclock": "o'clock",
    **{str(number): word for number, word in enumerate(SPOKEN)}, "23": "twenty-three", "none": "zero",
}  # fmt: skip
REPAIR = re.compile(r"\b(?:" + "|".join(sorted(REPAIRED, key=len, reverse=True)) + r")\b")
OUTSIDE = re.compile(r"[^a-zA-Z0-9,'\s:-]+")
ARTICLES = tuple(re.compile(rf"\b{article} ([a-zA-Z]+)") for article in ("a", "an", "the"))
BLANK = re.compile(r"\s+")
MMSCAN_MARKS = ("ASSISTANT:", "\n", "<s>", "</s>", "<unk>", "<p>", "</p>", "<ref>", "<|endoftext|>")


@lru_cache(maxsize=1 << 16)
def clean_answer(text: str) -> str:
    """An answer as SQA3D (Ma et al. 2023, arXiv 2210.07474) and all its followers compare it, odd repairs included.

    `tv` becomes `TV`, `none` becomes `zero`, 0 to 20 and 23 become words, every other number stays.
    """
    text = re.sub(r"^ +", "", re.sub(r" +$", "", text.lower()))
    text = re.sub(r"\. {2,}", ". ", re.sub(r" {2,}", " ", text))
    text = OUTSIDE.sub("", text)
    text = REPAIR.sub(lambda word: REPAIRED[word[0]], text)
    text = re.sub(r"\bo' +clock\b", "o'clock", text)
    text = re.sub(r"\b([a-zA-Z]+)[0-9]\b", r"\1", text)
    for article in ARTICLES:  # one pass each: "the the chair" keeps one
        text = article.sub(r"\1", text)
    return re.sub(r"\bbackwards\b", "backward", text)


def wrapped(text: str) -> str:
    """Chat-Scene's first step: one final stop goes, the first letter becomes small; a single character is left alone."""
    if len(text) <= 1:
        return text
    text = text.removesuffix(".")
    return text[:1].lower() + text[1:]


def unmarked(text: str, most: int) -> str:
    """MMScan's first step: no marks of language models, no newlines, and no more than so many characters."""
    for mark in MMSCAN_MARKS:
        text = text.replace(mark, "")
    return re.sub(r"\s{2,}", " ", text.strip())[:most]


def partial(said: str, reference: str) -> bool:
    """One contains the other when blanks do not count; so an empty answer is part of everything."""
    said, reference = BLANK.sub("", said), BLANK.sub("", reference)
    return said in reference or reference in said


def raw(said: str, references: Sequence[str]) -> Match:
    """The string itself is among the references (ScanQA: Azuma et al. 2022, arXiv 2112.10482)."""
    return said in references, None


def cleaned(said: str, references: Sequence[str]) -> Match:
    """Equal to a reference when both are cleaned; no refined match."""
    return clean_answer(said) in {clean_answer(r) for r in references}, None


def leo(said: str, references: Sequence[str]) -> Match:
    """LEO's rule (arXiv 2311.12871): the first reference that is equal or partial decides, so a later equal one is lost."""
    said = clean_answer(said)
    for reference in map(clean_answer, references):
        if said == reference:
            return True, True
        if partial(said, reference):
            return False, True
    return False, False


def llava3d(said: str, references: Sequence[str]) -> Match:
    """LLaVA-3D's rule: equal to any, or else partial to any; an empty answer is partial to all."""
    return _equal_or_partial(clean_answer(said), [clean_answer(r) for r in references])


def chatscene(said: str, references: Sequence[str]) -> Match:
    """Chat-Scene's rule where references are cleaned, as on SQA3D; an empty answer is wrong."""
    return chatscene_raw(said, [clean_answer(r) for r in references])


def chatscene_raw(said: str, references: Sequence[str]) -> Match:
    """Chat-Scene's rule on ScanQA, where references stay raw: `2` became `two` and no longer meets `2`."""
    said = clean_answer(wrapped(said))
    return _equal_or_partial(said, references) if said else (False, False)


def mmscan(said: str, references: Sequence[str]) -> Match:
    """MMScan's rule: both unmarked, cut and cleaned; an empty answer is wrong."""
    said = clean_answer(unmarked(said, 256))
    return _equal_or_partial(said, [clean_answer(unmarked(r, 256)) for r in references]) if said else (False, False)


def lenient(said: str, references: Sequence[str]) -> Match:
    """SQA3D's script for free text: only the answer is cleaned, and a single shared word is enough; so is no word at all."""
    said = clean_answer(said)
    right = any(said in r or BLANK.sub("", said) == BLANK.sub("", r) or set(said.split()) & set(r.split()) for r in references)
    return right, None


def _equal_or_partial(said: str, references: Sequence[str]) -> Match:
    equal = said in references
    return equal, equal or any(partial(said, reference) for reference in references)
