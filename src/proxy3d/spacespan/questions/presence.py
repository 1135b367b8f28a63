"""What there is: existence, number and colour."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.view import View, alternating, drawn, shuffled
from proxy3d.spacespan.record import Record

EXISTENCE = (
    "Is there {a}?",
    "Is there {a} in the room?",
    "Is there {a} here?",
    "Can you see {a}?",
    "Can {a} be seen anywhere?",
    "Does this room have {a}?",
    "Does the room contain {a}?",
    "Do you see {a} anywhere?",
    "Does {a} show up in the clip?",
    "Are there any {many}?",
    "Are there any {many} in this room?",
    "Do you see any {many}?",
)
EXISTENCE_PLURAL_ONLY = EXISTENCE[-3:]
EXISTENCE_MASS = EXISTENCE[:9]
COUNT = (
    "How many {many} are there?",
    "How many {many} are in the room?",
    "How many {many} are there in this room?",
    "How many {many} can you see?",
    "How many {many} does the room have?",
    "Count the {many}.",
    "What is the number of {many}?",
    "Can you count the {many} in the room?",
    "How many {many} show up in the clip?",
)
COLOUR = (
    "What colour is the {x}?",
    "What colour is the {x} in this room?",
    "Which colour does the {x} have?",
    "What is the colour of the {x}?",
    "The {x} is what colour?",
    "Which colour is the {x}?",
    "What colour would you say the {x} is?",
    "Name the colour of the {x}.",
    "Tell me the colour of the {x}.",
)
MOST = 9  # above, counting from a clip is guessing


def drawn_presence(view: View, rng: Random) -> tuple[list[str], list[str]]:
    """Categories seen and categories not seen, in random order, such that over a data set a category is as often one as the other.

    A category seen in a share p of the rooms is drawn with weight 1 - p where it is seen and with weight p where it is not, so both
    happen in proportion to p (1 - p): common things are mostly asked about where they are missing, rare ones where they are.
    """
    decided = [(c, p) for c, p in view.vocabulary.presence if c not in view.off_limits]
    seen = drawn(rng, [(c, 1 - p) for c, p in decided if c in view.by_category])
    return seen, drawn(rng, [(c, p) for c, p in decided if c not in view.by_category])


def existence(view: View, rng: Random) -> Iterator[Record]:
    """Is there a sofa? Yes needs a clearly seen one; no needs that nothing shown could pass for one. Without a vocabulary: no question."""
    seen, missing = drawn_presence(view, rng)
    for category, answer in alternating(rng, [(c, "yes") for c in seen], [(c, "no") for c in missing]):
        plural_only = words.plural_only(category)
        phrasings = EXISTENCE if words.countable(category) else EXISTENCE_PLURAL_ONLY if plural_only else EXISTENCE_MASS
        text = rng.choice(view.wordings(phrasings)).format(a=words.with_article(category), many=words.plural(category))
        yield view.record("existence", text, answer, "yes_no", subject=category, targets=view.by_category.get(category, ()))


def count(view: View, rng: Random) -> Iterator[Record]:
    """How many chairs are there? 1 to 9 seen ones, none half seen. Larger numbers first, because most categories have one object."""
    groups = {**view.several, **{c: [o] for c, o in view.unique.items()}}
    for category in drawn(rng, [(c, len(group) ** 2) for c, group in groups.items() if len(group) <= MOST]):
        group = groups[category]
        text = rng.choice(view.wordings(COUNT)).format(many=words.plural(category))
        yield view.record("count", text, str(len(group)), "number", subject=category, targets=group)


def colour(view: View, rng: Random) -> Iterator[Record]:
    """What colour is the sofa? Of objects that are the only one of their category; not of glass and pictures."""
    for category in shuffled(rng, [c for c, o in view.unique.items() if o.colour and c not in words.COLOURLESS]):
        o = view.unique[category]
        text = rng.choice(COLOUR).format(x=category)
        guesses = len(view.vocabulary.colours)
        yield view.record("colour", text, o.colour, "category", subject=category, targets=[o], guesses=guesses)
