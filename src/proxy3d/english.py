"""The English of categories: articles, plurals, what can be counted, which words overlap in meaning, which colours are easily mixed up."""

from __future__ import annotations

from collections.abc import Sequence

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
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
PLURAL_ONLY = {
    "curtains",
    "blinds",
    "stairs",
    "scissors",
    "clothes",
    "books",
    "toiletries",
    "shoes",
    "glasses",
    "headphones",
    "drawers",
    "weights",
    "flowers",
}
COLOURLESS = {"window", "mirror", "glass", "shower", "picture", "picture frame", "painting", "poster", "aquarium", "flowers"}
NO_INSIDE = {"table", "coffee table", "desk", "bench", "chair"}  # a book on the lower board of a desk is hardly "in the desk"
A_DESPITE_VOWEL = ("uni", "use", "uti", "uri", "euro", "ukulele", "one")
AN_DESPITE_CONSONANT = ("hour", "heir", "honest")

# A room with an armchair but no chair: is there a chair? People disagree, so such a room is never asked about chairs.
# Whatever ends in the broader word ("coffee table") is covered by a rule.
BROADER = {
    "armchair": ("chair",),
    "wheelchair": ("chair",),
    "stool": ("chair",),
    "ottoman": ("stool", "chair"),
    "bench": ("chair", "stool", "table"),
    "bookcase": ("shelf", "cabinet"),
    "bookshelf": ("shelf", "bookcase"),
    "shelf": ("bookcase",),
    "dresser": ("cabinet", "drawers", "chest", "bedside table"),
    "chest": ("box", "cabinet", "dresser"),
    "wardrobe": ("cabinet", "dresser"),
    "tv stand": ("cabinet", "table", "sideboard"),
    "bedside table": ("cabinet", "dresser"),
    "sideboard": ("cabinet", "dresser"),
    "desk": ("table",),
    "crib": ("bed",),
    "mattress": ("bed",),
    "mug": ("cup",),
    "cup": ("mug", "glass"),
    "glass": ("cup",),
    "bowl": ("plate", "cup"),
    "pot": ("bowl", "kettle"),
    "kettle": ("pot",),
    "jar": ("vase", "bottle", "pot"),
    "vase": ("jar", "flower", "flowers"),
    "flower": ("plant",),
    "flowers": ("plant", "vase"),
    "plant": ("flower", "flowers"),
    "christmas tree": ("plant",),
    "laptop": ("computer",),
    "computer": ("monitor", "tv"),
    "monitor": ("tv", "computer"),
    "stereo": ("speaker",),
    "oven": ("stove", "cooktop"),
    "stove": ("oven", "cooktop"),
    "cooktop": ("stove", "oven"),
    "chandelier": ("lamp", "ceiling light", "light"),
    "ceiling light": ("lamp", "light"),
    "wall light": ("lamp", "light"),
    "lamp": ("light", "desk lamp", "floor lamp"),
    "washbasin": ("sink",),
    "sink": ("washbasin",),
    "shower head": ("shower",),
    "picture": ("painting", "poster"),
    "picture frame": ("picture", "painting", "poster"),
    "painting": ("picture", "poster"),
    "carpet": ("rug",),
    "rug": ("carpet",),
    "curtain": ("blind",),
    "blind": ("curtain",),
    "suitcase": ("bag",),
    "ball": ("toy",),
    "basket": ("trash can",),
    # Words of scans.
    "trash bin": ("trash can", "bucket", "basket"),
    "bucket": ("trash can", "trash bin"),
    "crate": ("box", "basket"),
    "nightstand": ("table", "bedside table", "cabinet", "dresser"),
    "counter": ("table", "cabinet"),
    "closet": ("wardrobe", "cabinet"),
    "cushion": ("pillow",),
    "pillow": ("cushion",),
    "heater": ("radiator",),
    "computer tower": ("computer",),
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


def head(category: str) -> str:
    """The noun that takes the plural: "table" of "coffee table", "chest" of "chest of drawers"."""
    return category.partition(" of ")[0].split()[-1]


def countable(category: str) -> bool:
    """Whether "a ..." and "two ...s" make sense."""
    return head(category) not in MASS | PLURAL_ONLY


def plural_only(category: str) -> bool:
    return head(category) in PLURAL_ONLY


def with_article(category: str) -> str:
    """ "a sofa", "an armchair", "an hourglass"; "any food" and "any curtains" where nothing can be counted."""
    if not countable(category):
        return f"any {category}"
    vowel = category[0] in "aeiou" and not category.startswith(A_DESPITE_VOWEL)
    return f"{'an' if vowel or category.startswith(AN_DESPITE_CONSONANT) else 'a'} {category}"


def plural(category: str) -> str:
    """ "coffee tables", "shelves", "chests of drawers"; unchanged where nothing can be counted."""
    if not countable(category):
        return category
    front, of, rest = category.partition(" of ")
    *first, last = front.split()
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return " ".join([*first, last]) + of + rest


def counted(category: str, count: int) -> str:
    """ "a lamp", "two chairs", "12 chairs"; "food" and "curtains" where nothing can be counted."""
    if not countable(category):
        return category
    return with_article(category) if count == 1 else f"{NUMBERS[count] if count < len(NUMBERS) else count} {plural(category)}"


def near(colour: str, other: str) -> bool:
    """Whether two colour words are the same or easily mixed up under a lamp."""
    colour, other = colour.replace("grey", "gray"), other.replace("grey", "gray")
    return colour == other or frozenset((colour, other)) in NEAR_COLOURS


def listed(phrases: Sequence[str], word: str = "or") -> str:
    """ "the lamp, the chair or the bed" """
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} {word} {phrases[-1]}"
