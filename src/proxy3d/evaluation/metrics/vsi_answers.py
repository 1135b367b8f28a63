"""What number or letter an answer to VSI-Bench says: one reader for each public scorer, none of which runs the text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = {word: i for i, word in enumerate(ONES)} | {word: 10 * i for i, word in enumerate(TENS, 2)}
SCALES = {"hundred": 100, "thousand": 1000}
LONGEST = 100_000  # characters looked at
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ALONE = re.compile(r"(?<![A-Za-z])([A-F])(?=$|\s|[^\w\s])")  # a letter that is a word by itself, in upper case
PHRASE = re.compile(
    r"(?:final answer|the answer is|correct answer|answer is|answer|最终答案|正确答案|答案是|答案)"
    r"\s*(?:is)?\s*[:\uff1a]?\s*[(\[{*\uff08\u3010]*\s*([A-F])\b",
    re.IGNORECASE,
)


def first_token(text: str) -> str:
    """`official`: what stands before the first space, which a leading one makes nothing, without stops at its end."""
    return text.split(" ")[0].rstrip(".").strip()


def as_float(text: str) -> float | None:
    """Python's float, so that 1e2 is a number and 1,200 is none."""
    try:
        return float(text)
    except ValueError:
        return None


def official_number(text: str) -> float | None:
    return as_float(first_token(text))


def worded_number(text: str) -> float | None:
    """`lmms-eval`: the first digits or the first run of number words, whichever starts earlier."""
    text = text.lower().strip()[:LONGEST]
    digits = re.search(r"-?\d+(?:\.\d+)?", text)
    start, value = _words(text)
    if start is not None and (digits is None or start < digits.start()):
        return value
    return float(digits[0]) if digits else None


def _words(text: str) -> tuple[int | None, float]:
    """Where the first run of number words starts, and what it says; "and" and punctuation inside it are skipped."""
    start, total, current = None, 0, 0
    for found in re.finditer(r"[a-z]+", text):
        word = found[0]
        if word not in WORDS and word not in SCALES:
            if start is not None and word != "and":
                break
            continue
        start = found.start() if start is None else start
        if word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1000, 0
        else:
            current += WORDS[word]
    return start, float(total + current)


def last_number(text: str) -> float | None:
    """`vlmevalkit`: a number that opens an <answer>, else the last one after the thinking."""
    text = re.sub("[\u200b-\u200d\u2060\ufeff]", "", text[-LONGEST:])
    if re.match(r"\s*\[.*\]\s*$", text, re.DOTALL):
        text = _first_of_list(text)
    table = {**{w: str(i) for i, w in enumerate(ONES)}, "twenty": "20"}
    text = re.sub(r"\b(" + "|".join(table) + r")\b", lambda m: table[m[1].lower()], text, flags=re.IGNORECASE)
    opening = re.search(rf"<answer>\s*({NUMBER})", text, re.IGNORECASE)
    numbers = [opening[1]] if opening else re.findall(NUMBER, _after_thinking(text))
    return as_float(numbers[-1]) if numbers else None


def _first_of_list(text: str) -> str:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return str(items[0]) if isinstance(items, list) and items else text


def _after_thinking(text: str) -> str:
    for mark in ("</think>", "<think>"):
        if mark in text:
            return text.rpartition(mark)[2]
    return text


def any_word_number(text: str) -> float | None:
    """`spacer`: the first number word of its dictionary that is anywhere in the text, a and an being 1, else the first unsigned digits."""
    text = text.lower()[:LONGEST]
    order = {w: i for i, w in enumerate(ONES) if i} | {w: 10 * i for i, w in enumerate(TENS, 2)} | {"zero": 0, "a": 1, "an": 1}
    for word, value in order.items():
        if re.search(rf"\b{word}\b", text):
            return float(value)
    digits = re.search(r"\d+(?:\.\d+)?", text)
    return float(digits[0]) if digits else None


def whole_text(text: str) -> str:
    """`spatial-mllm`: the last <answer> or everything, on one line, without stops at its end, in lower case."""
    found = ANSWER.findall(text[-LONGEST:])
    return " ".join((found[-1] if found else text).split()).rstrip(".").lower()


def whole_number(text: str) -> float | None:
    return as_float(whole_text(text).replace(",", ""))


def official_choice(text: str) -> str | None:
    return first_token(text).upper() or None


def whole_choice(text: str) -> str | None:
    return whole_text(text) or None


def first_letter(text: str) -> str | None:
    """`spacer`: the first word when it is A to D, with a full stop or without, else all of the text."""
    text = text.replace("Answer:", "").strip()
    word = text.split(" ")[0]
    return word[0] if re.fullmatch(r"[A-D]\.?", word) else text or None


def found_letter(text: str) -> str | None:
    """`vlmevalkit`: six ways of saying a letter, the first that works."""
    text = text[-LONGEST:]
    if opening := re.search(r"<answer>\s*[\(\[*]*\s*([A-Ja-j])(?![A-Za-z])", text, re.IGNORECASE):
        return opening[1].upper()
    tail = text[-800:]
    for mark in ("</answer>", "</think>"):
        if before := re.search(rf"(?<![A-Za-z])([A-F])[\s.)\]*]*{mark}", tail, re.IGNORECASE):
            return before[1].upper()
    after = _after_thinking(text)
    lines = [line.strip() for line in after.split("\n") if line.strip()][-6:]
    for part in (*reversed(lines), *reversed([line.strip() for line in after[-800:].split("\n") if line.strip()])):
        if letter := _line_letter(part):
            return letter
    if phrase := PHRASE.search(text):
        return phrase[1].upper()
    return _only(ALONE.findall(text))


def _line_letter(line: str) -> str | None:
    """A line that is a letter, starts like an option, or has one letter standing alone."""
    if re.match(r"option\s+[A-J]\s*:", line, re.IGNORECASE):
        return None
    if whole := re.fullmatch(r"[\s(\[{*_`#]*([A-Fa-f])[\s)\]}*_`.]*", line):
        return whole[1].upper()
    if start := re.match(r"([A-Fa-f])[.)\]:\-]\s", line):
        return start[1].upper()
    return _only(ALONE.findall(line))


def _only(letters: list[str]) -> str | None:
    return letters[0] if len(set(letters)) == 1 else None


@dataclass(frozen=True)
class Reader:
    """How a variant reads an answer, and how it compares letters."""

    number: Callable[[str], float | None]
    choice: Callable[[str], str | None]


OFFICIAL = Reader(official_number, official_choice)
READERS = {
    "official": OFFICIAL,
    "lmms-eval": Reader(worded_number, official_choice),
    "vlmevalkit": Reader(last_number, found_letter),
    "spatial-mllm": Reader(whole_number, whole_choice),
    "spacer": Reader(any_word_number, first_letter),
    "mra-11": OFFICIAL,
}
