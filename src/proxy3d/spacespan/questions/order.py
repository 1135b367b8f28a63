"""In which order things come into view for the first time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from random import Random

from proxy3d.spacespan.questions.view import SEEN_MAX_PX, UNSEEN_PX, View, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

LETTERS = ("A", "B", "C", "D")
ORDER = (
    "In which order do these first appear in the clip? {options}",
    "In what order do these come into view? {options}",
    "Which is the order in which these are first seen? {options}",
    "What is the first-time appearance order of these in the clip? {options}",
    "What comes into view first, second and third? {options}",
    "Which of these orders of first appearance is right? {options}",
    "Going through the clip, in which order does one first see these? {options}",
    "Which order of first appearance does the clip have? {options}",
)


def first_frame(view: View, o: RoomObject) -> int | None:
    """The frame in which an object comes into view; None when it creeps in, so that two people could name two frames."""
    area = view.room.image_size_px[0] * view.room.image_size_px[1] / 256**2
    first = next((t for t, n in enumerate(o.pixels) if n >= SEEN_MAX_PX * area), None)
    return None if first is None or any(n >= UNSEEN_PX * area for n in o.pixels[:first]) else first


def appearance_order(view: View, rng: Random) -> Iterator[Record]:
    """Three single objects that come into view in three different frames; four of the six orders are offered, the answer is a letter."""
    when = {o.category: t for o in view.unique.values() if (t := first_frame(view, o)) is not None}
    asked: set[str] = set()
    for trio in shuffled(rng, permutations(sorted(when), 3)):
        if asked & set(trio) or len({when[c] for c in trio}) < 3:
            continue
        asked.update(trio)
        true = tuple(sorted(trio, key=when.get))
        offered = shuffled(rng, [true, *rng.sample([p for p in permutations(true) if p != true], 3)])
        options = " ".join(f"{letter}) {', '.join(order)}{';' if letter != 'D' else '.'}" for letter, order in zip(LETTERS, offered, strict=True))
        targets = [view.unique[c] for c in true]
        answer = LETTERS[offered.index(true)]
        yield view.record(
            "appearance_order", rng.choice(ORDER).format(options=options), answer, "choice", subject="order", targets=targets, choices=LETTERS
        )
