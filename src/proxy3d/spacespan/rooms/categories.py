"""What a person would call each piece of furniture, and how it is held up: an ordered table from catalogue names to plain nouns.

Rows are (pattern, category), tried in order; the first hit counts. A pattern that begins with ^ or # is searched in "section/name #library/id" and
corrects single models or whole sections; any other pattern must match whole words of the name. All is lower case. A category of "" drops the model:
people and street furniture, things so small or flat that they would cover a few pixels, and things a furnished room has no place for.
"""

from __future__ import annotations

import re

RULES: tuple[tuple[str, str], ...] = (
    # Names that mislead: corrected one by one after looking at the models.
    (r"#blendswap-cc-0/armchair$", "chair"),
    (r"#blendswap-cc-0/technicaltable\d$|#scopia/desk_table$", "desk"),
    (r"#scopia/(box_room|office_box|contemp_living_room|office_furniture1|dining_room)$", "cabinet"),
    (r"#scopia/(living_room_table|table_wood_and_iron|ext_table)$", "coffee table"),
    (r"#scopia/apples$", "bowl"),
    (r"#blendswap-cc-0/ammobox$", "box"),
    (r"#scopia/ext_chair$", "armchair"),
    (r"#eteks/oven$", "microwave"),
    (r"#eteks/chest$|#blendswap-cc-by/chest$", "dresser"),
    (r"#scopia/living_lamp$", "floor lamp"),
    (r"#scopia/bar_chair$|#blendswap-cc-0/foldingchair$", "stool"),
    (r"#scopia/jar$", "vase"),
    (r"#blendswap-cc-0/lamp2$", "ceiling light"),
    (r"#scopia/(furnace|basin|tablet|cooker|sushi_tray|creamer)$|#eteks/tvunit$|#katorlegaz/propane-stove$", ""),
    (r"#blendswap-cc-0/(lockedlocker|box)$|#blendswap-cc-by/(tabletennisbat|breadbox)$", ""),
    (r"plate, glass(es)? and cutlery", ""),
    # The few outdoor, vehicle and animal models that are also found in homes; the rest of those sections goes.
    (r"^exterior/.*/(cafe-chair|silla_teca)$", "chair"),
    (r"^exterior/.*/rattanarmchair$", "armchair"),
    (r"^exterior/.*/rattansofa$", "sofa"),
    (r"^exterior/.*/(rattantable|cafe-table)$", "table"),
    (r"^exterior/.*/(bench|painted-bench|wood_bank)$", "bench"),
    (r"^exterior/.*/residential-trashcan$", "trash can"),
    (r"^exterior/.*/spray-bottle$", "bottle"),
    (r"^vehicles/(bike|bicycle) ", "bicycle"),
    (r"^characters/(siamese )?cat ", "cat"),
    (r"^characters/(dog|bulldog) ", "dog"),
    (r"^(exterior|vehicles|characters|staircases)/", ""),
    # Doors and windows.
    (r"garage door|elevator door|shower door|sliding doors|door frame|window shutter", ""),
    (r"window blind", "blind"),
    (r"^doors and windows/.*window.* #", "window"),
    (r"^doors and windows/.*door.* #", "door"),
    # Seats.
    (r"stool", "stool"),
    (r"high chair", "high chair"),
    (r"wheelchair", "wheelchair"),
    (r"armchair", "armchair"),
    (r"sofa|couch", "sofa"),
    (r"(abdominal bench|fitness tower|treadmill|indoor bike)", "exercise machine"),
    (r"bench", "bench"),
    (r"puff", "ottoman"),
    (r"chair|class seat", "chair"),
    # Beds and clothes.
    (r"crib|baby bed", "crib"),
    (r"bunk bed|loft bed|mezzanine bed", "bunk bed"),
    (r"air mattress|futon", "mattress"),
    (r"bed", "bed"),
    (r"wardrobe", "wardrobe"),
    (r"clothes rack", "clothes rack"),
    (r"(clothes|shopping) basket", "basket"),
    (r"slippers|sneakers|shoes|mocassin|bootie", "shoes"),
    # Tables.
    (r"bedside table", "bedside table"),
    (r"(changing|dressing) table", ""),
    (r"pool table", "pool table"),
    (r"football table", "foosball table"),
    (r"table tennis", "ping-pong table"),
    (r"coffee table", "coffee table"),
    (r"table fan|rigged fan", "fan"),
    (r"desk lamp|work lamp", "desk lamp"),
    (r"desk", "desk"),
    (r"table", "table"),
    # Kitchen and laundry.
    (r"^kitchen/(small )?(glass door cabinet|(kitchen )?upper .*cabinet)", "wall cabinet"),
    (r"kitchen upper cabinet|upper cabinet", "wall cabinet"),
    (r"high cabinet", "cabinet"),
    (r"sink( cabinet)?", "sink"),
    (r"^kitchen/.*(cabinet|island)", "kitchen cabinet"),
    (r"hood", "range hood"),
    (r"chest freezer", ""),
    (r"refrigerator|fridge", "refrigerator"),
    (r"dishwasher", "dishwasher"),
    (r"washing machine|clothes washer", "washing machine"),
    (r"microwave", "microwave"),
    (r"^kitchen/(stove|cooktop|induction)", "cooktop"),
    (r"oven|stove|cooker", "oven"),
    # Bath.
    (r"washbasin|lavatory|vanity", "washbasin"),
    (r"bidet", "bidet"),
    (r"toilet paper dispenser", "toilet paper holder"),
    (r"toilet brush", ""),
    (r"toilets?( unit)?", "toilet"),
    (r"bathmat|rug|carpet|doormat", "rug"),
    (r"shower head", "shower head"),
    (r"shower curtain", ""),
    (r"shower", "shower"),
    (r"radiator", "radiator"),
    (r"bathtub|bath", "bathtub"),
    (r"towel rack", "towel rack"),
    # Storage.
    (r"bookcase", "bookcase"),
    (r"shelves", "shelf"),
    (r"television cabinet|tv stand|tv unit", "tv stand"),
    (r"dresser", "dresser"),
    (r"chest|trunck", "chest"),
    (r"cabinet|cupboard", "cabinet"),
    (r"crate|(open )?cardboard box|gift", "box"),
    # Light.
    (r"floor uplight", "floor lamp"),
    (r"wall (light|lamp|spotlight|uplight)|outdoor lamp|porch light|spotlight", "wall light"),
    (r"hanging light|pendant lamp|chandelier|ceiling lamp|fluorescent|track lights", "ceiling light"),
    (r"candle", "candle"),
    (r"camping lamp|street lamp|stone lantern", ""),
    (r"lamp|lantern", "lamp"),
    # Things that plug in.
    (r"tv remote control", ""),
    (r"tv", "tv"),
    (r"laptop|ibook", "laptop"),
    (r"imac", "computer"),
    (r"printer", "printer"),
    (r"phone|iphone", "phone"),
    (r"speaker", "speaker"),
    (r"stereo|mp3|radio", "stereo"),
    (r"ceiling fan", "ceiling fan"),
    (r"air conditioning", "air conditioner"),
    (r"water heater", "water heater"),
    (r"water cooler", "water cooler"),
    (r"coffee (machine|maker|brewer)", "coffee machine"),
    (r"coffee press|espresso kettle|boiler|teapot", "kettle"),
    (r"toaster|sandwich maker", "toaster"),
    (r"blender|mixer", "mixer"),
    # On tables and counters.
    (r"utensils pot|penbox", "pencil holder"),
    (r"old jar|pottery", "jar"),
    (r"large pan", "pot"),
    (r"wine bottle|yogurt bottle|baby bottle|beer bottle|bottle|oil servers", "bottle"),
    (r"plate", "plate"),
    (r"beer glass|cocktail glass|glass", "glass"),
    (r"coffee cup|plastic cup|cup(?! cake)|mug", "cup"),
    (r"bowl", "bowl"),
    (r"milk|bread|hot dog|birthday cake|hamburger|roasted chicken|french fries|steak", "food"),
    (r"book", "book"),
    # Plants and decoration.
    (r"christmas tree", "christmas tree"),
    (r"orchids|tulips|flowers|lily", "flowers"),
    (r"plant|yucca|cactus|bamboo|spathiphyllum|ficus|bonsai", "plant"),
    (r"vase", "vase"),
    (r"frame (chambord|hôi an)|frame", "picture frame"),
    (r"clock", "clock"),
    (r"fireplace", "fireplace"),
    (r"aquarium", "aquarium"),
    (r"curtains?", "curtain"),
    (r"blind", "blind"),
    (r"#scopia/japanese_style_screen$", "room divider"),
    (r"white board", "whiteboard"),
    # Play, sport, music, luggage, household.
    (r"flipper", "pinball machine"),
    (r"teddy bear|doll|doll house|wood toy|toy train|biplane|car model|xylophone|rocking horse", "toy"),
    (r"basketball|soccer ball", "ball"),
    (r"piano", "piano"),
    (r"guitar", "guitar"),
    (r"backpack|briefcase|handbag", "bag"),
    (r"suitcase", "suitcase"),
    (r"extinguisher", "fire extinguisher"),
    (r"ladder", "ladder"),
    (r"dustbin|trash can|recycling bin", "trash can"),
)  # fmt: skip

MOUNT: dict[str, tuple[str, ...]] = {
    "opening": ("door", "window"),
    "ceiling": ("ceiling light", "ceiling fan"),
    "wall": (
        "wall cabinet", "range hood", "wall light", "shower head", "toilet paper holder", "towel rack", "air conditioner", "curtain", "blind",
    ),
    "table": (
        "lamp", "desk lamp", "candle", "tv", "laptop", "computer", "printer", "phone", "stereo", "speaker", "fan", "microwave", "cooktop",
        "coffee machine", "kettle", "toaster", "mixer", "pencil holder", "jar", "pot", "bottle", "plate", "glass", "cup", "bowl",
        "food", "book", "flowers", "vase", "picture frame", "clock", "toy", "aquarium",
    ),
}  # fmt: skip
_MOUNT_OF = {category: mount for mount, categories in MOUNT.items() for category in categories}

# Hung when the catalogue gives a height, standing otherwise: a washbasin may have a foot, a flat television may have a stand.
HUNG_IF_ELEVATED = {"washbasin", "tv", "radiator", "water heater", "picture frame", "clock"}
STANDS_ON_FLOOR_FROM_M = {"flowers": 0.8, "vase": 0.45, "lamp": 0.9, "speaker": 0.5, "toy": 0.45}
STANDS_ON_TABLE_BELOW_M = {"plant": 0.55, "christmas tree": 0.5, "oven": 0.45}


def category_of(section: str, name: str, library: str, identifier: str) -> str:
    """The plain noun for one catalogue entry; "" when no room should hold it or no row knows it."""
    name = name.lower()
    key = f"{section}/{name} #{library}/{identifier}".lower()
    for pattern, category in RULES:
        if re.search(pattern, key) if pattern[0] in "^#" else re.search(rf"\b(?:{pattern})\b", name):
            return category
    return ""


def mount_of(category: str, elevation_m: float, height_m: float) -> str:
    """How it is held up: floor, table, wall, ceiling or opening. Heights in metres; elevation 0 = the catalogue gives none."""
    if category in HUNG_IF_ELEVATED and elevation_m > 0:
        return "wall"
    if height_m >= STANDS_ON_FLOOR_FROM_M.get(category, float("inf")):
        return "floor"
    if height_m < STANDS_ON_TABLE_BELOW_M.get(category, 0.0):
        return "table"
    return _MOUNT_OF.get(category, "floor")
