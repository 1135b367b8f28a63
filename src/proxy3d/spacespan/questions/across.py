"""Questions that need several rooms of a split: statements that are true in one room and false in another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from proxy3d.spacespan.questions.clauses import STATED, Clause, drawn_clause
from proxy3d.spacespan.questions.view import View, Vocabulary, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import Room

ASKED = (
    "True or false: {s}.",
    "True or false? {S}.",
    "Is this true or false? {S}.",
    "Is it true or false that {s}?",
    "Say whether this is true or false: {s}.",
    "Judge whether this is true or false of the room: {s}.",
    "{S}. True or false?",
    "{S}. Is that true or false?",
    "Of this room one says that {s}. Is that true or false?",
)
TRIES = 40  # statements that are thought of for a place in a room


@dataclass(frozen=True)
class Statement:
    """One clause, or two joined by "and" or "or"."""

    clauses: tuple[Clause, ...]
    joined: str = ""

    @property
    def text(self) -> str:
        return f" {self.joined} ".join(clause.text for clause in self.clauses)

    def verdict(self, view: View) -> bool | None:
        """None where any part is in doubt, and of "or" also where both parts hold: some people mean just one."""
        parts = [clause.verdict(view) for clause in self.clauses]
        if None in parts or (self.joined == "or" and all(parts)):
            return None
        return any(parts) if self.joined == "or" else all(parts)


def statement(views: Sequence[View], rng: Random, per_room: int) -> list[Record]:
    """Pairs: the same words about two rooms of a split, true of one and false of the other; at most `per_room` about a room.

    Whoever sees only the words is right of exactly one of each pair. Both records end in the number of the pair.
    """
    used: Counter[int] = Counter()
    records: list[Record] = []
    for _ in range(per_room):
        for i in shuffled(rng, range(len(views))):
            pair = None if used[i] >= per_room else twins(views, i, rng, [j for j in range(len(views)) if used[j] < per_room])
            if pair is None:
                continue
            said, where = pair
            used.update(where.values())
            number = len(records) // 2
            pattern = rng.choice(ASKED)
            text = pattern.format(s=said.text, S=said.text[:1].upper() + said.text[1:])
            for verdict, j in sorted(where.items(), key=lambda item: item[1]):
                view, things = views[j], {o.id: o for clause in said.clauses for o in clause.things(views[j])}
                made = view.record(
                    "statement", text, str(verdict).lower(), "choice", subject=said.text, targets=things.values(), choices=("true", "false")
                )
                records.append(replace(made, question_id=f"{view.room.room_id}-statement-{number:05d}"))
    return records


def twins(views: Sequence[View], i: int, rng: Random, free: Sequence[int]) -> tuple[Statement, dict[bool, int]] | None:
    """A statement with the room i and another one where it has the other truth value."""
    for _ in range(TRIES):
        said = thought_of(views[i], rng)
        verdict = said and said.verdict(views[i])
        if verdict is None:
            continue
        for j in shuffled(rng, free):
            if said.verdict(views[j]) is (not verdict):
                return said, {verdict: i, not verdict: j}
    return None


def thought_of(view: View, rng: Random) -> Statement | None:
    """A statement whose parts are true or false in a room: one clause as often as two."""
    first = drawn_clause(view, rng, STATED)
    if first is None or rng.random() < 0.5:
        return first and Statement((first,))
    second = drawn_clause(view, rng, [sort for sort in STATED if sort != first.sort])
    alike = second and set(first.gaps) & set(second.gaps)  # "there is a lamp and there is no lamp"
    return Statement((first, second), rng.choice(("and", "or"))) if second and not alike else None


# Each makes the questions of a whole split at once, with ids: they need rooms to compare.
SPLIT_FAMILIES: dict[str, Callable[[Sequence[View], Random, int], list[Record]]] = {"statement": statement}


def ask_across(rooms: Sequence[Room], *, rng_seed: int, per_family: int = 2, vocabulary: Vocabulary | None = None) -> list[Record]:
    """At most `per_family` questions of each split family about each room that was filmed; already even, so not to be balanced again."""
    views = [View(room, vocabulary) for room in rooms if room.filmed]
    split = rooms[0].split if rooms else ""
    return [r for name, family in SPLIT_FAMILIES.items() for r in family(views, Random(f"{rng_seed} {split} {name}"), per_family)]
