"""Is a simple sentence true of a room's boxes: the grammar of statements, queries and captions of whole rooms."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from proxy3d.errors import BadInput
from proxy3d.spacespan.facts import Facts, Solved

NUMBERS = {word: n for n, word in enumerate("no one two three four five six seven eight nine".split())} | {"a": 1, "an": 1}
VIEWPOINT = r"(?:seen )?from where the clip starts,? |from the first camera,? | ?as the first camera sees it,?"


def exactly(facts: Facts, how: str, number: str, category: str) -> bool:
    seen, wanted = len(facts.of(category)), NUMBERS[number]
    return seen == wanted if how == "exactly" else seen >= wanted


def held(facts: Facts, article: str, a: str, relation: str, other: str, b: str) -> bool:
    """The lamp is on the desk: of single things; a lamp is on a desk: of any of them."""
    if article == "the":
        return facts.holds(relation, facts.only(a), facts.only(b))
    return any(facts.holds(relation, i, j) and i != j for i in facts.of(a) for j in facts.of(b))


def nearer(facts: Facts, x: str, a: str, b: str) -> bool:
    to, near, far = (facts.only(c) for c in (x, a, b))
    return facts.apart(near, to) < facts.apart(far, to)


def to_the_side(facts: Facts, a: str, side: str, b: str) -> bool:
    one, other = (facts.bearing_rad[facts.only(c)] for c in (a, b))
    return bool(one < other) == (side == "left")


# What stands in brackets is a word, or the category that a slot such as <0> stands for. The first form that fits whole decides.
FORMS: tuple[tuple[str, Callable[..., bool]], ...] = (
    (r"there is no <(\d)>", lambda f, c: not f.of(c)),
    (r"there (?:is|are) (exactly|at least) (\w+) <(\d)>", exactly),
    (r"there are more <(\d)> than <(\d)>", lambda f, a, b: len(f.of(a)) > len(f.of(b))),
    (r"there is an? <(\d)>", lambda f, c: bool(f.of(c))),
    (r"there is an? (\w+) <(\d)>", lambda f, colour, c: any(f.objects[i].colour == colour for i in f.of(c))),
    (r"(the|an?) <(\d)> is (on|in|under) (the|an?) <(\d)>", held),
    (r"(on|in|under) the <(\d)> is the <(\d)>", lambda f, on, b, a: held(f, "the", a, on, "the", b)),
    (r"the <(\d)> is nearer to the <(\d)> than to the <(\d)>", nearer),
    (r"the <(\d)> is nearer to the <(\d)> than the <(\d)> is", lambda f, a, x, b: nearer(f, x, a, b)),
    (r"the <(\d)> is taller than the <(\d)>", lambda f, a, b: bool(f.size_m[f.only(a), 2] > f.size_m[f.only(b), 2])),
    (r"the <(\d)> is (?:to the |on the )?(left|right) of the <(\d)>", to_the_side),
    (r"the <(\d)> is (\w+)", lambda f, c, colour: f.objects[f.only(c)].colour == colour),
    (r"the colour of the <(\d)> is (\w+)", lambda f, c, colour: f.objects[f.only(c)].colour == colour),
)


def clause_holds(facts: Facts, nouns: Sequence[str], clause: str) -> bool:
    """Whether one clause, in lower case with slots for its nouns, is true.

    Raises:
        BadInput: it has no known form, or speaks of "the lamp" where there are none or several.
    """
    bare = re.sub(VIEWPOINT, "", clause).strip(" .,?")
    for pattern, rule in FORMS:
        match = re.fullmatch(pattern.replace(r"<(\d)>", r"(<\d+>)"), bare)
        if match:
            return rule(facts, *(nouns[int(word[1:-1])] if word[0] == "<" else word for word in match.groups()))
    raise BadInput(f"{clause!r}: not a sentence of a known form; try 'there are two chairs'")


def sentence_holds(facts: Facts, nouns: Sequence[str], text: str) -> bool:
    """Whether all clauses joined by "and" are true, or any of those joined by "or"."""
    joined = re.search(r" (and|or) ", text)
    verdicts = [clause_holds(facts, nouns, clause) for clause in re.split(r" (?:and|or) ", text)]
    return any(verdicts) if joined and joined.group(1) == "or" else all(verdicts)


def stated(text: str) -> str:
    """The sentence that a question about truth, or a search for rooms, is about.

    Raises:
        BadInput: there is none.
    """
    found = re.search(r"(?:there (?:is|are) (?!in )|\b(?:the|an?) <\d+> is |\b(?:the|an?) <\d+> are )[^.?]*", re.sub(r"true or false", "", text))
    if not found:
        raise BadInput(f"{text!r}: says nothing about things; try 'a room where there is a lamp'")
    return found.group(0)


def statement(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """ "true" or "false" """
    return Solved(str(sentence_holds(facts, nouns, stated(text))).lower())
