"""Take the hints out of a set of questions, and measure how far a reader gets who never sees the room."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from random import Random

from proxy3d.spacespan.record import Record

# Left or right of two things follows from a coin (relations.left_right), and what is said to be on what is too varied to meet often:
# in these families yes and no are evened out over all, not for every subject.
SYMMETRIC = ("left_right", "support")
# Came when data sets were there already: they draw after all others, so that what is kept of the others does not change.
LATER = ("route_plan", "size_order", "situated_side", "situated_what", "situated_far", "object_caption", "scene_caption")
LEANING = ("support",)  # here for every thing and every host as well
# The most that one answer may take of an open family, and of one subject in it.
OPEN_SHARE = {"count": (0.34, 0.5), "colour": (0.2, 0.34), "what_is_at": (0.1, 0.25)}


def balance(records: Sequence[Record], seed: int = 0, usual: Callable[[Record], str | None] = lambda record: None) -> list[Record]:
    """A subset, in the same order, in which the words of a question say as little as possible about its answer.

    Yes and no: even in all and, but for SYMMETRIC families, for every subject ("sofa"). Choices: every option wins as often as it is worth, in
    all and for every thing it is compared for, and so does what `usual` says that somebody would choose who knows furniture and sees no
    room. Counts, colours and categories: no answer takes more than OPEN_SHARE of its family nor of its subject, unless the next one is as
    frequent. Metres and boxes stay as they are. Deterministic.
    Balance each split by itself: balanced together, what one split has too many of the other has too few of.
    """
    rng = Random(seed)
    kept: set[int] = set()
    for family in sorted({r.family for r in records}, key=lambda family: (family in LATER, family)):
        group = [i for i, r in enumerate(records) if r.family == family]
        rng.shuffle(group)
        kind = records[group[0]].answer_type
        if family in LEANING:
            group = even_hints(group, records, usual)
        if kind == "yes_no":
            group = even_answers(group, records)
        elif kind == "choice":
            group = even_hints(group, records, usual)
        elif family in OPEN_SHARE:
            of_family, of_subject = OPEN_SHARE[family]
            group = capped(group, records, lambda r: r.subject, of_subject)
            group = capped(group, records, lambda r: "", of_family)
        kept.update(group)
    return [r for i, r in enumerate(records) if i in kept]


def even_answers(group: list[int], records: Sequence[Record]) -> list[int]:
    """As many yes as no for every subject, hence in all: the last of the more frequent answer go."""
    by_subject: dict[str, dict[str, list[int]]] = defaultdict(lambda: {"yes": [], "no": []})
    for i in group:
        subject = "" if records[i].family in SYMMETRIC else records[i].subject
        by_subject[subject][records[i].answer].append(i)
    kept = {i for side in by_subject.values() for pair in zip(side["yes"], side["no"], strict=False) for i in pair}
    return [i for i in group if i in kept]


def hints(record: Record, usual: str | None = None) -> dict[str, float]:
    """What a record says for (+) or against (-) each thing that a blind reader could lean on.

    Of a choice: each option, by itself and given what it is compared for, and what usually is so. Of "cup on table": "cup on" and "on table".
    """
    if record.answer_type == "yes_no":
        words = re.split(r" (?=(?:on|in|under) )|(?<= on) |(?<= in) |(?<= under) ", record.subject)
        return {hint: 1.0 if record.answer == "yes" else -1.0 for hint in (" ".join(words[:2]), " ".join(words[1:]))}
    others = 1 / max(len(record.choices) - 1, 1)
    worth = {c: 1.0 if c == record.answer else -others for c in record.choices}
    return {
        **{f"{record.subject}: {c}": value for c, value in worth.items()},
        **{f"{c}, whatever it is compared for": value for c, value in worth.items()},
        **({"the usual one": worth[usual]} if usual in worth else {}),
    }


def allowed(n: int) -> float:
    """By how much a hint may lean that n records hold: one record, or half of what fair coins do where that is more.

    All of what coins do would be too much: the sign of what is left is that of furniture, and the same in every split.
    """
    return max(1.0, 0.5 * n**0.5) if n > 0 else 0.0


def even_hints(group: list[int], records: Sequence[Record], usual: Callable[[Record], str | None] = lambda record: None) -> list[int]:
    """Drop, one at a time, the record whose loss helps most, until no loss helps; the cost is the sum of squares of what leans beyond `allowed`."""
    said = {i: hints(records[i], usual(records[i])) for i in group}
    total: dict[str, float] = defaultdict(float)
    holders: dict[str, set[int]] = defaultdict(set)
    for i in group:
        for hint, value in said[i].items():
            total[hint] += value
            holders[hint].add(i)

    def worth(hint: str, value: float) -> float:
        """What is saved when a record goes that says this for it."""
        n = len(holders[hint])
        return max(abs(total[hint]) - allowed(n), 0) ** 2 - max(abs(total[hint] - value) - allowed(n - 1), 0) ** 2

    saved: dict[str, dict[float, float]] = {hint: {value: worth(hint, value) for value in {said[i][hint] for i in holders[hint]}} for hint in holders}

    def gain(i: int) -> float:
        found = 0.0  # added one by one: what sum() makes of floats changed with Python 3.12
        for hint, value in said[i].items():
            found += saved[hint][value]
        return found

    place = {i: n for n, i in enumerate(group)}
    gains = {i: gain(i) for i in group}
    queue = [(-g, -place[i], i) for i, g in gains.items()]  # the last come goes first in a tie; outdated entries are skipped
    heapq.heapify(queue)
    while queue and -queue[0][0] > 1e-9:
        negative, _, worst = heapq.heappop(queue)
        if gains.get(worst) != -negative:
            continue
        del gains[worst]
        touched: set[int] = set()
        for hint, value in said[worst].items():
            total[hint] -= value
            holders[hint].discard(worst)
            before, saved[hint] = saved[hint], {value: worth(hint, value) for value in saved[hint]}
            if saved[hint] != before:  # most hints lean less than they may, before and after
                touched |= holders[hint]
        for i in touched:
            gains[i] = gain(i)
            heapq.heappush(queue, (-gains[i], -place[i], i))
    return [i for i in group if i in gains]


def capped(group: list[int], records: Sequence[Record], key: Callable[[Record], str], share: float) -> list[int]:
    """Drop the last records of each key's most frequent answer while it takes more than its share and is ahead of the next; one always stays."""
    by_key: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i in group:
        by_key[key(records[i])][records[i].answer].append(i)
    kept: set[int] = set()
    for answers in by_key.values():
        while True:
            *_, second, largest = [], *sorted(answers.values(), key=len)
            if len(largest) <= max(1, len(second), share * sum(map(len, answers.values()))):
                break
            largest.pop()
        kept.update(i for members in answers.values() for i in members)
    return [i for i in group if i in kept]


def majority(train: Sequence[Record]) -> Callable[[Record], tuple[str, str]]:
    """Two rules that look at no scene: the most frequent answer of a question's family in `train`, and that of its family and subject.

    Where a question offers choices, only these count: the first rule takes the one that is the family's answer most often, the second the one
    that wins most often where that subject offers it. The second falls back on the first when the subject is new.
    """
    by_family, by_subject, wins = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
    for r in train:
        by_family[r.family][r.answer] += 1
        by_subject[r.family, r.subject][r.answer] += 1
        for choice in r.choices:
            wins[r.family, r.subject][choice] += 1 if choice == r.answer else -1 / max(len(r.choices) - 1, 1)

    def guess(r: Record) -> tuple[str, str]:
        constant = top({c: by_family[r.family][c] for c in r.choices} if r.choices else by_family[r.family])
        if r.choices:
            return constant, top({c: wins[r.family, r.subject][c] for c in r.choices})
        return constant, top(by_subject[r.family, r.subject]) or constant

    return guess


def blind_report(train: Sequence[Record], test: Sequence[Record]) -> dict[str, dict[str, float | int | None]]:
    """How often constant and prior answers, learnt on `train`, are right on `test`, per family and for all ("all").

    n: questions. majority and majority_given_subject: as `majority` guesses. chance: mean of Record.chance over the records that have one,
    else None. Boxes count as right when the number of boxes is.
    """
    guess, report = majority(train), {}
    for family in [*sorted({r.family for r in test}), "all"]:
        group = [r for r in test if family in (r.family, "all")]
        known = [r.chance for r in group if r.chance is not None]
        report[family] = {
            "n": len(group),
            "majority": sum(guess(r)[0] == r.answer for r in group) / max(len(group), 1),
            "majority_given_subject": sum(guess(r)[1] == r.answer for r in group) / max(len(group), 1),
            "chance": sum(known) / len(known) if known else None,
        }
    return report


def top(votes: Mapping[str, float]) -> str:
    """The answer with most votes, the first in the alphabet in a tie; empty where nobody votes."""
    return min(votes, key=lambda answer: (-votes[answer], answer), default="")
