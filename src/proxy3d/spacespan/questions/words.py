"""The English of categories: articles, plurals, what can be counted, which words overlap in meaning, which colours are easily mixed up."""

from __future__ import annotations

# Last words whose plural no rule gives.
IRREGULAR = {
    "shelf": "shelves",
    "bookshelf": "bookshelves",
    "knife": "knives",
    "loaf": "loaves",
    "leaf": "leaves",
    "mouse": "mice",
    "dish": "dishes",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "child": "children",
    "person": "people",
}
MASS = {"food", "bread", "fruit", "cutlery", "crockery", "laundry", "clothing", "firewood", "cheese", "paper", "lego"}
PLURAL_ONLY = {"curtains", "blinds", "stairs", "scissors", "clothes", "books", "toiletries", "shoes", "glasses", "headphones", "drawers", "weights"}
COLOURLESS = {"window", "mirror", "glass", "shower", "picture", "painting", "poster"}
A_DESPITE_VOWEL = ("uni", "use", "uti", "uri", "euro", "ukulele", "one")
AN_DESPITE_CONSONANT = ("hour", "heir", "honest")

# A room with an armchair but no chair: is there a chair? People disagree, so such a room is never asked about chairs.
# Whatever ends in the broader word ("coffee table") is covered by a rule.
BROADER = {
    "armchair": ("chair",),
    "stool": ("chair",),
    "bench": ("chair", "stool"),
    "bookcase": ("shelf", "cabinet"),
    "bookshelf": ("shelf", "bookcase"),
    "shelf": ("bookcase",),
    "dresser": ("cabinet", "drawers", "bedside table"),
    "wardrobe": ("cabinet", "dresser"),
    "tv stand": ("cabinet", "table"),
    "bedside table": ("cabinet", "dresser"),
    "sideboard": ("cabinet", "dresser"),
    "desk": ("table",),
    "crib": ("bed",),
    "mug": ("cup",),
    "cup": ("mug", "glass"),
    "glass": ("cup",),
    "bowl": ("plate", "cup"),
    "jar": ("vase", "bottle"),
    "vase": ("jar", "flower"),
    "laptop": ("computer",),
    "computer": ("monitor",),
    "monitor": ("tv", "computer"),
    "oven": ("stove",),
    "stove": ("oven",),
    "chandelier": ("lamp", "ceiling light"),
    "ceiling light": ("lamp", "light"),
    "lamp": ("light",),
    "washbasin": ("sink",),
    "kitchen sink": ("washbasin",),
    "sink": ("washbasin",),
    "picture": ("painting", "poster"),
    "painting": ("picture", "poster"),
    "carpet": ("rug",),
    "rug": ("carpet",),
    "flower": ("plant",),
    "plant": ("flower",),
}
NEAR_COLOURS = {
    frozenset(pair.split())
    for pair in (
        "gray silver,gray black,gray white,white beige,white silver,beige brown,beige yellow,beige gray,brown orange,brown red,brown black,"
        "red orange,red pink,red purple,orange yellow,pink purple,purple blue,blue turquoise,green turquoise,yellow green"
    ).split(",")
}


def broader(category: str) -> set[str]:
    """Other words some people would use for such a thing: "coffee table" -> table; "armchair" -> chair, sofa."""
    words = category.split()
    return {" ".join(words[i:]) for i in range(1, len(words))} | set(BROADER.get(category, ()))


def countable(category: str) -> bool:
    """Whether "a ..." and "two ...s" make sense."""
    last = category.split()[-1]
    return last not in MASS and last not in PLURAL_ONLY


def plural_only(category: str) -> bool:
    return category.split()[-1] in PLURAL_ONLY


def with_article(category: str) -> str:
    """ "a sofa", "an armchair", "an hourglass"; "any food" and "any curtains" where nothing can be counted."""
    if not countable(category):
        return f"any {category}"
    vowel = category[0] in "aeiou" and not category.startswith(A_DESPITE_VOWEL)
    return f"{'an' if vowel or category.startswith(AN_DESPITE_CONSONANT) else 'a'} {category}"


def plural(category: str) -> str:
    """ "coffee tables", "shelves", "chests of drawers"; unchanged where nothing can be counted."""
    head, of, rest = category.partition(" of ")
    if not countable(category) and not of:
        return category
    *first, last = head.split()
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*first, last]) + of + rest


def near(colour: str, other: str) -> bool:
    """Whether two colour words are the same or easily mixed up under a lamp."""
    return colour == other or frozenset((colour, other)) in NEAR_COLOURS


def listed(phrases: list[str]) -> str:
    """ "the lamp, the chair or the bed" """
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " or " + phrases[-1]
