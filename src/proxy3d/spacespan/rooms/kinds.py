"""Which furniture belongs in which kind of room, and how each category likes to stand.

Categories a table does not name still work: how a model is mounted (floor, table, wall, ceiling, opening) is enough to place it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

_EVERYWHERE = (
    "plant", "flowers", "picture", "picture frame", "trash can", "rug", "book", "box", "ceiling light", "wall light", "floor lamp", "lamp", "vase",
    "clock", "radiator", "curtain", "blind", "cat", "dog", "bag",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of room: how big it is and what one expects in it."""

    side_m: tuple[float, float]
    own: tuple[str, ...]  # the first two are what the room is for

    @property
    def categories(self) -> tuple[str, ...]:
        return self.own + _EVERYWHERE


KINDS: dict[str, Kind] = {
    "bedroom": Kind((2.8, 4.6), (
        "bed", "wardrobe", "bedside table", "dresser", "armchair", "mirror", "desk lamp", "bench", "chest", "phone", "shoes", "stool",
        "mattress", "suitcase", "hat", "clothes rack", "room divider", "ottoman",
    )),
    "kids room": Kind((2.6, 4.4), (
        "bed", "bunk bed", "crib", "toy", "desk", "chair", "bookcase", "shelf", "dresser", "stool", "ball", "guitar", "desk lamp", "aquarium",
        "chest", "pencil holder",
    )),
    "living room": Kind((3.2, 6.5), (
        "sofa", "armchair", "coffee table", "tv stand", "tv", "bookcase", "cabinet", "fireplace", "piano", "speaker", "shelf", "table", "stereo",
        "aquarium", "candle", "bowl", "guitar", "ottoman", "christmas tree", "air conditioner", "chest", "ceiling fan",
    )),
    "dining room": Kind((2.8, 5.5), (
        "table", "chair", "cabinet", "bowl", "plate", "glass", "cup", "bottle", "candle", "food", "high chair", "bench", "fruit bowl", "ceiling fan",
    )),
    "kitchen": Kind((2.4, 4.8), (
        "oven", "refrigerator", "stove", "fridge", "cooktop", "sink", "dishwasher", "microwave", "wall cabinet", "kitchen cabinet", "table", "chair",
        "stool", "kettle", "toaster", "coffee machine", "mixer", "pot", "bottle", "cup", "plate", "glass", "bowl", "food", "jar", "range hood",
        "knife block", "high chair", "water cooler", "towel", "fruit bowl", "water heater",
    )),
    "bathroom": Kind((2.2, 3.6), (
        "toilet", "bathtub", "shower", "shower head", "washbasin", "mirror", "washing machine", "towel rack", "towel", "bidet", "cabinet", "stool",
        "toilet paper holder", "basket", "water heater", "bottle",
    )),
    "study": Kind((2.4, 4.5), (
        "desk", "bookcase", "chair", "shelf", "computer", "laptop", "desk lamp", "printer", "armchair", "phone", "cabinet", "piano", "guitar", "cup",
        "pencil holder", "fan", "stereo",
    )),
    "office": Kind((2.8, 6.0), (
        "desk", "chair", "computer", "laptop", "printer", "cabinet", "whiteboard", "table", "phone", "shelf", "coffee machine", "bottle", "cup",
        "desk lamp", "water cooler", "fan", "fire extinguisher", "air conditioner", "room divider", "pencil holder", "bookcase",
    )),
    "hallway": Kind((2.2, 4.0), (
        "bench", "clothes rack", "mirror", "cabinet", "shelf", "stool", "shoes", "bicycle", "phone", "dresser", "chest", "hat", "suitcase",
        "fire extinguisher", "wheelchair", "ladder",
    )),
    "utility room": Kind((2.2, 3.8), (
        "washing machine", "shelf", "sink", "basket", "ladder", "bottle", "water heater", "fan", "bicycle", "cabinet", "jar", "shoes", "suitcase",
        "fire extinguisher",
    )),
    "game room": Kind((3.4, 6.5), (
        "pool table", "ping-pong table", "foosball table", "pinball machine", "exercise machine", "tv", "sofa", "stool", "speaker", "ball", "bench",
        "guitar", "piano", "glass", "bottle", "toy",
    )),
}  # fmt: skip

FOUND_IN = Counter(category for kind in KINDS.values() for category in kind.categories)  # in how many kinds of room each is at home

MIDDLE = {
    "table", "coffee table", "chair", "stool", "armchair", "ottoman", "toy", "ball", "high chair", "bench", "bicycle", "cat", "dog",
    "pool table", "ping-pong table", "foosball table", "wheelchair", "box", "exercise machine", "suitcase", "bag", "shoes",
}  # fmt: skip
CORNER = {
    "plant", "floor lamp", "lamp", "trash can", "speaker", "basket", "vase", "guitar", "christmas tree", "fire extinguisher", "ladder",
    "clothes rack",
}  # fmt: skip
SEATS = ("chair", "stool", "high chair", "bench", "armchair")
SURROUNDED = {"table": 4, "desk": 1, "coffee table": 2, "piano": 1}  # how many seats at most
SHELVES = {"bookcase", "shelf", "cabinet", "tv stand", "bedside table", "wardrobe", "wall cabinet", "kitchen cabinet", "dresser"}
UNDER = {"table", "desk", "coffee table", "bed", "bunk bed", "piano", "ping-pong table", "pool table", "bench"}
HIDES_UNDER = {
    "trash can", "stool", "box", "toy", "ball", "shoes", "basket", "ottoman", "bag", "suitcase", "computer", "cat", "dog", "chest",
}  # fmt: skip
PORTABLE = {  # what stands on the floor by itself and may be put on furniture all the same
    "box", "bag", "ball", "toy", "plant", "vase", "shoes", "basket", "cat", "suitcase", "christmas tree", "flowers", "lamp",
}  # fmt: skip
SOFT = {"chair", "stool", "armchair", "sofa", "bed", "bunk bed", "bench", "ottoman", "mattress"}  # things do lie on these, but less often
HOLDS_NOTHING = {
    "toilet", "trash can", "plant", "shower", "lamp", "floor lamp", "desk lamp", "crib", "bicycle", "ceiling light", "candle", "bathtub", "rug",
    "cat", "dog", "sink", "washbasin", "bidet", "exercise machine", "wheelchair", "high chair", "guitar", "ball", "basket", "shoes", "christmas tree",
    "clothes rack", "ladder", "room divider", "whiteboard", "fire extinguisher", "vase", "toy", "bag",
}  # fmt: skip
