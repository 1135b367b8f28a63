"""Queries over the clips of a split: a sentence, and the few rooms of which it is true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from proxy3d.errors import BadInput
from proxy3d.spacespan.questions.clauses import QUERIED, Clause, drawn_clause
from proxy3d.spacespan.questions.view import View, Vocabulary, shuffled
from proxy3d.spacespan.room import Room

ASKED = (
    "Find a room where {s}.",
    "Find the rooms where {s}.",
    "Which are the rooms in which {s}?",
    "In which of the clips does one see that {s}?",
    "Show me every room where {s}.",
    "I look for a room where {s}.",
    "Which clips show a room where {s}?",
    "A room where {s}.",
    "Search for clips of rooms in which {s}.",
)
MOST_ROOMS = 5  # that satisfy a query
MOST_QUERIES = 100  # of a split
TRIES = 30


@dataclass(frozen=True)
class Query:
    """A sentence, and the ids of all rooms of the split that satisfy it; of every other room it is clearly false."""

    query_id: str
    split: str
    text: str
    rooms: tuple[str, ...]

    def __post_init__(self):
        if not self.text.strip() or not self.rooms or len(set(self.rooms)) != len(self.rooms):
            raise ValueError(f"Query.rooms: expected a text and at least one room, each once, got {self.text!r} and {self.rooms!r}")

    def to_json(self) -> str:
        """One line of a queries.jsonl file."""
        return json.dumps(self.__dict__, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Query:
        """Raises BadInput when the text is not a query."""
        try:
            raw = json.loads(text)
            return Query(rooms=tuple(raw.pop("rooms")), **raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"not a query: {error}; expected a line written by `proxy3d data make`") from None


def read_queries(path: Path) -> list[Query]:
    """The queries of a JSON Lines file; none where there is no such file, as beside rooms that were made before queries came.

    Raises:
        BadInput: names the first line that is not a query.
    """
    if not Path(path).is_file():
        return []
    queries = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            queries.append(Query.from_json(line))
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None
    return queries


def ask_queries(rooms: Sequence[Room], *, rng_seed: int, vocabulary: Vocabulary | None = None) -> list[Query]:
    """One query for every second room at most, true of 1 to 5 rooms of the split and clearly false of all others.

    A room in doubt (half seen, a word that could mean something else) makes a query unusable. Clauses are added while too many rooms satisfy them.
    """
    views = [View(room, vocabulary) for room in rooms if room.filmed]
    rng = Random(f"{rng_seed} {rooms[0].split if rooms else ''} queries")
    known: dict[Clause, list[bool | None]] = {}
    queries: dict[frozenset[Clause], Query] = {}
    wanted = min(MOST_QUERIES, (len(views) + 1) // 2)
    for view in shuffled(rng, views):
        found = satisfied(views, view, rng, known) if len(queries) < wanted else None
        if found is None or frozenset(found[0]) in queries:
            continue
        clauses, where = found
        text = rng.choice(ASKED).format(s=" and ".join(clause.text for clause in clauses))
        query_id = f"{view.room.split}-query-{len(queries):04d}"
        queries[frozenset(clauses)] = Query(query_id, view.room.split, text, tuple(sorted(views[i].room.room_id for i in where)))
    return list(queries.values())


def satisfied(views: Sequence[View], view: View, rng: Random, known: dict[Clause, list[bool | None]]) -> tuple[list[Clause], list[int]] | None:
    """One to three clauses that hold in a room, and the places of all rooms in which they do."""
    for left in range(TRIES, 0, -1):
        clauses: list[Clause] = []
        least, rooms = rng.choice((1, 2, 2)), rng.choice((1, 2, 3)) if left > TRIES // 3 else 1  # several rooms at best, one where it has to be
        while len(clauses) < 3:
            clause = drawn_clause(view, rng, QUERIED)
            if clause is None or not clause.verdict(view) or any(set(clause.gaps) & set(other.gaps) for other in clauses):
                break
            clauses.append(clause)
            if clause not in known:
                known[clause] = [clause.verdict(v) for v in views]
            verdicts = [together(parts) for parts in zip(*(known[c] for c in clauses), strict=True)]
            where = [i for i, verdict in enumerate(verdicts) if verdict]
            if None not in verdicts and rooms <= len(where) <= MOST_ROOMS and len(clauses) >= least:
                return clauses, where
    return None


def together(parts: Sequence[bool | None]) -> bool | None:
    """Whether all hold: one that is false decides, whatever else is in doubt."""
    return False if False in parts else None if None in parts else True
