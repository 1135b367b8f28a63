"""Simple sentences about a room, each clearly true, clearly false or in doubt: what statements and queries are built of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.distances import free
from proxy3d.spacespan.questions.presence import MOST
from proxy3d.spacespan.questions.sizes import TALLER_RATIO, ratio
from proxy3d.spacespan.questions.view import BEARING_DEG, View, shuffled
from proxy3d.spacespan.room import RoomObject


@dataclass(frozen=True)
class Clause:
    """A sort of sentence (a key of SORTS) and the words that fill its gaps."""

    sort: str
    gaps: tuple[str, ...]

    def verdict(self, view: View) -> bool | None:
        """True or false where nobody could disagree, else None."""
        return SORTS[self.sort].verdict(view, *self.gaps)

    @property
    def text(self) -> str:
        return SORTS[self.sort].text(*self.gaps)

    def things(self, view: View) -> list[RoomObject]:
        """What it speaks of, as far as it is seen there."""
        return [o for word in self.gaps for o in view.by_category.get(word, ())]


@dataclass(frozen=True)
class Sort:
    """How a sort of sentence is said, judged, and found in a room."""

    text: Callable[..., str]
    verdict: Callable[..., bool | None]
    draw: Callable[[View, Random], tuple[str, ...] | None]  # gaps that suit the room, true or false; None where it offers none


def number(view: View, category: str) -> int | None:
    """How many are seen; None where that is in doubt, or more than one counts from a clip."""
    seen = len(view.by_category.get(category, ()))
    return None if category in view.off_limits or seen > MOST else seen


def counted(how: str, count: int, category: str) -> str:
    """ "there is exactly one chair", "there are at least two chairs" """
    return f"there is {how} one {category}" if count == 1 else f"there are {how} {words.NUMBERS[count]} {words.plural(category)}"


def judged(view: View, category: str, test: Callable[[int], bool]) -> bool | None:
    seen = number(view, category)
    return None if seen is None else test(seen)


def more(view: View, a: str, b: str) -> bool | None:
    """Whether there are more of one than of the other; equal numbers are not more."""
    first, second = number(view, a), number(view, b)
    return None if first is None or second is None else first > second


def held(view: View, a: str, relation: str, b: str) -> bool | None:
    """Whether the one thing is on, in or under the other one, both alone of their kind."""
    fact = view.support_facts.get((a, relation, b))
    return fact and fact[0]


def coloured(view: View, category: str, colour: str) -> bool | None:
    """Whether the one thing of a category has a colour; in doubt where another word for it is near."""
    o = view.unique.get(category)
    if o is None or not o.colour or category in words.COLOURLESS:
        return None
    return True if o.colour == colour else None if words.near(o.colour, colour) else False


def nearer(view: View, x: str, a: str, b: str) -> bool | None:
    """Whether x is nearer to a than to b."""
    if not {x, a, b} <= view.unique.keys():
        return None
    to, one, other = (view.unique[c] for c in (x, a, b))
    if not (free(view, one, to) and free(view, other, to)):
        return None
    return True if view.clearly_nearer(one, other, to) else False if view.clearly_nearer(other, one, to) else None


def taller(view: View, a: str, b: str) -> bool | None:
    """Whether a is taller than b; in doubt of what hangs, lies flat or leans."""
    if not {a, b} <= view.unique.keys():
        return None
    one, other = view.unique[a], view.unique[b]
    if any(o.relation not in ("floor", "on", "under", "in") or o.size_m[2] < 0.1 or not o.upright for o in (one, other)):
        return None
    return None if ratio(one, other) < TALLER_RATIO else one.size_m[2] > other.size_m[2]


def beside(view: View, a: str, side: str, b: str) -> bool | None:
    """Whether a is to the left or right of b from the first camera."""
    if not {a, b} <= view.unique.keys():
        return None
    one, other = (view.bearing.get(view.unique[c].id) for c in (a, b))
    if one is None or other is None or abs(one - other) < BEARING_DEG:
        return None
    return (one < other) == (side == "left")


def some_coloured(view: View, category: str, colour: str) -> bool | None:
    """Whether there is a red chair among what chairs there are."""
    if category in view.off_limits or category in words.COLOURLESS:
        return None
    colours = [o.colour for o in view.by_category.get(category, ())]
    if "" in colours:
        return None
    return True if colour in colours else None if any(words.near(colour, other) for other in colours) else False


def some_held(view: View, a: str, relation: str, b: str) -> bool | None:
    """Whether some lamp is on some desk: clearly so of one pair, or clearly not so of every pair there is."""
    if a in view.off_limits or b in view.off_limits:
        return None
    pairs = [(o, x) for o in view.by_category.get(a, ()) for x in view.by_category.get(b, ()) if o is not x]
    if any(o in view.supported and o.support == x.id and o.relation == relation for o, x in pairs):
        return True
    apart = all(x.id not in view.chain(o) and o.id not in view.chain(x) and view.gap(o, x) >= 0.1 for o, x in pairs)
    return False if apart else None


def draw_known(view: View, rng: Random) -> str | None:
    """A category: one that is seen, as often as one that is not."""
    known = [c for c in view.vocabulary.categories if c not in view.off_limits and words.countable(c)]
    present, absent = [c for c in known if c in view.by_category], [c for c in known if c not in view.by_category]
    side = present if rng.random() < 0.5 or not absent else absent
    return rng.choice(side) if side else None


def draw_existence(view: View, rng: Random) -> tuple[str, ...] | None:
    category = draw_known(view, rng)
    return category and (category,)


def draw_number(view: View, rng: Random) -> tuple[str, ...] | None:
    """A category that is seen, those with several first, and its number or one beside it."""
    several = [c for c in view.several if len(view.several[c]) < MOST]
    pool = several if several and rng.random() < 0.8 else list(view.unique)
    if not pool:
        return None
    category = rng.choice(pool)
    return category, str(max(1, len(view.by_category[category]) + rng.choice((0, 0, -1, 1))))


def draw_at_least(view: View, rng: Random) -> tuple[str, ...] | None:
    """As draw_number, from two on: at least one is existence over again."""
    gaps = draw_number(view, rng)
    return gaps and (gaps[0], str(max(2, int(gaps[1]))))


def draw_more(view: View, rng: Random) -> tuple[str, ...] | None:
    pool = [*view.unique, *view.several, *view.several]
    two = dict.fromkeys(rng.sample(pool, min(len(pool), 4)))
    return tuple(two)[:2] if len(two) >= 2 else None


def draw_held(view: View, rng: Random) -> tuple[str, ...] | None:
    facts = [triple for triple, (true, *_) in view.support_facts.items() if true]
    return rng.choice(facts) if facts else None


def draw_coloured(view: View, rng: Random) -> tuple[str, ...] | None:
    """A thing and its colour as often as any colour."""
    pool = [c for c, o in view.unique.items() if o.colour and c not in words.COLOURLESS]
    if not pool or not view.vocabulary.colours:
        return None
    category = rng.choice(pool)
    return category, view.unique[category].colour if rng.random() < 0.5 else rng.choice(view.vocabulary.colours)


def draw_things(view: View, rng: Random, count: int) -> tuple[str, ...] | None:
    return tuple(rng.sample(list(view.unique), count)) if len(view.unique) >= count else None


def draw_beside(view: View, rng: Random) -> tuple[str, ...] | None:
    two = draw_things(view, rng, 2)
    return two and (two[0], rng.choice(("left", "right")), two[1])


def draw_some_coloured(view: View, rng: Random) -> tuple[str, ...] | None:
    pool = [(o.category, o.colour) for o in view.seen if o.colour and o.category not in words.COLOURLESS and words.countable(o.category)]
    return rng.choice(pool) if pool else None


def draw_some_held(view: View, rng: Random) -> tuple[str, ...] | None:
    pool = [(o.category, o.relation, view.by_id[o.support].category) for o in view.supported]
    pool = [triple for triple in pool if words.countable(triple[0]) and words.countable(triple[2])]
    return rng.choice(pool) if pool else None


EXISTENCE = Sort(lambda c: f"there is {words.with_article(c)}", lambda v, c: judged(v, c, lambda n: n > 0), draw_existence)
EXACTLY = Sort(lambda c, n: counted("exactly", int(n), c), lambda v, c, n: judged(v, c, lambda seen: seen == int(n)), draw_number)
AT_LEAST = Sort(lambda c, n: counted("at least", int(n), c), lambda v, c, n: judged(v, c, lambda seen: seen >= int(n)), draw_at_least)
SORTS: dict[str, Sort] = {
    "existence": EXISTENCE,
    "absence": Sort(lambda c: f"there is no {c}", lambda v, c: judged(v, c, lambda n: n == 0), draw_existence),
    "exactly": EXACTLY,
    "at least": AT_LEAST,
    "more": Sort(lambda a, b: f"there are more {words.plural(a)} than {words.plural(b)}", more, draw_more),
    "held": Sort(lambda a, on, b: f"the {a} is {on} the {b}", held, draw_held),
    "coloured": Sort(lambda c, colour: f"the {c} is {colour}", coloured, draw_coloured),
    "nearer": Sort(lambda x, a, b: f"the {x} is nearer to the {a} than to the {b}", nearer, lambda v, r: draw_things(v, r, 3)),
    "taller": Sort(lambda a, b: f"the {a} is taller than the {b}", taller, lambda v, r: draw_things(v, r, 2)),
    "beside": Sort(lambda a, side, b: f"the {a} is to the {side} of the {b} as the first camera sees it", beside, draw_beside),
    "some coloured": Sort(lambda c, colour: f"there is {words.with_article(f'{colour} {c}')}", some_coloured, draw_some_coloured),
    "some held": Sort(lambda a, on, b: f"{words.with_article(a)} is {on} {words.with_article(b)}", some_held, draw_some_held),
}
STATED = ("existence", "absence", "exactly", "at least", "more", "held", "coloured", "nearer", "taller", "beside")
QUERIED = ("existence", "exactly", "at least", "more", "some coloured", "some held")


def drawn_clause(view: View, rng: Random, sorts: Sequence[str]) -> Clause | None:
    """A clause of one of these sorts that is true or false in a room; every sort as readily as any other."""
    for sort in shuffled(rng, sorts):
        gaps = SORTS[sort].draw(view, rng)
        clause = gaps and Clause(sort, gaps)
        if clause and clause.verdict(view) is not None:
            return clause
    return None
