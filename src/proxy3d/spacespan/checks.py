"""Is a data set of rooms what it says: exact geometry, splits that share nothing, and no question about what was never seen."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.make import room_folders
from proxy3d.spacespan.nouns import parse
from proxy3d.spacespan.questions.queries import Query, read_queries
from proxy3d.spacespan.record import Record, read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.room_geometry import SURE_PX, Measured, measured
from proxy3d.spacespan.rooms.shards import files_digest, read_shards

SPLITS = ("train", "val", "test")
DEPTH_M, INSIDE = 0.01, 0.97  # what exact rooms keep to
SEEN_MAX_PX, SEEN_SUM_PX = 60, 120  # at 256 x 256 pixels; what the clip must show of a thing before a question may rest on it
SHOWN = 10  # of each kind of trouble; the counts are of all
# "There is a lamp or there is a bed" is true without the one or the other.
EITHER = re.compile(r"\bthere (is|are)\b[^.?]* or |(?<!true) or there (is|are)\b")
FEWER = re.compile(r"(\bmore [^.?]*?) than .*?(?= and | or |[.?]|$)")  # of "more chairs than beds" the beds may well be missing
NEGATIVE = re.compile(r"\b(no|not|without|never|none|nothing|isn't|aren't)\b")


def check_rooms(folder: Path, *, sample: int = 100) -> dict:
    """Measure the pictures of some rooms of each split, and look through the truth, the files and the questions of all.

    Of rooms whose depth was corrupted on purpose, geometry is told but not judged.

    Raises:
        BadInput: no data set there, or a room or a question file cannot be read.
    """
    folder = Path(folder)
    rooms = load_rooms(folder)
    if sample < 1:
        raise BadInput(f"--sample {sample}: expected at least 1 room of each split")
    seen = [measured(folder / split / room.room_id) for split, places in rooms.items() for room in spread(list(places.values()), sample)]
    corruption = about(folder).get("corruption")
    exact = not (isinstance(corruption, dict) and corruption.get("depth_noise"))
    geometry, wrong = geometry_of(seen, exact)
    leaks = list(shared(rooms))
    changed = [f"files differ from when the room was made: {split}/{name}" for split, name in changed_files(folder, rooms)]
    records = {split: read_records(folder / f"{split}.jsonl") for split in rooms if (folder / f"{split}.jsonl").is_file()}
    queries = {split: read_queries(folder / f"{split}.queries.jsonl") for split in rooms}
    unseen = [*unseen_questions(rooms, records), *unseen_queries(rooms, queries)]
    wrong += [*leaks, *changed, *(f"asks about what was never seen: {text}" for _, text in unseen)]
    return {
        "rooms": sum(map(len, rooms.values())),
        **contents(room for places in rooms.values() for room in places.values()),
        "exact_depth": exact,
        **geometry,
        "shared_between_splits": len(leaks),
        "changed_rooms": len(changed),
        "questions": sum(map(len, records.values())),
        "queries": sum(map(len, queries.values())),
        "unseen_questions": len(unseen),
        "unseen_by_family": dict(sorted(Counter(family for family, _ in unseen).items())),
        "troubles": len(wrong),
        "trouble": shortened(wrong),
    }


def load_rooms(folder: Path) -> dict[str, dict[str, Room]]:
    """Split -> room id -> room.

    Raises:
        BadInput: no rooms there.
    """
    rooms = {split: [Room.load(p) for p in room_folders(folder / split)] for split in SPLITS if (folder / split).is_dir()}
    if not any(rooms.values()):
        raise BadInput(f"{folder}: no rooms in train/, val/ or test/; expected a folder made by `proxy3d data make`")
    return {split: {room.room_id: room for room in found} for split, found in rooms.items()}


def about(folder: Path) -> dict:
    """What spacespan.json says; nothing where the making has not come to its end."""
    file = Path(folder) / "spacespan.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise BadInput(f"{file}: {error}; expected what `proxy3d data make` writes, type the same line again") from None
    return found if isinstance(found, dict) else {}


def spread(things: Sequence, count: int) -> list:
    """At most so many of a list, evenly over its length."""
    step = max(len(things) / max(count, 1), 1)
    return [things[int(i * step)] for i in range(min(count, len(things)))]


def design(model: str) -> str:
    """The model that a stretched copy was made of."""
    return model.partition("~")[0]


def contents(rooms: Iterable[Room]) -> dict:
    """How much variety the rooms really use, by their descriptions."""
    kinds, categories, models, textures = Counter(), Counter(), Counter(), set()
    for room in rooms:
        kinds[room.kind] += 1
        categories.update(thing.category for thing in room.objects)
        models.update(thing.model for thing in room.objects)
        textures |= set(room.textures)
    designs = {design(model) for model in models}
    return {
        "room_kinds": len(kinds),
        "categories": len(categories),
        "models": len(models),
        "models_without_stretched_copies": len(designs),
        "of_them_from_the_bank": sum(not name.startswith("parametric/") for name in designs),
        "textures": len(textures),
        "objects": models.total(),
    }


def geometry_of(seen: Sequence[Measured], exact: bool) -> tuple[dict, list[str]]:
    """Figures of the measured rooms, and what is worse than exact rooms may be."""
    shared_views = [m for m in seen if not math.isnan(m.depth_gap_m)]
    gaps = {m.room.room_id: m.depth_gap_m for m in shared_views}
    boxes = [(share, m.pixels[i], m.room, i) for m in seen for i, share in m.inside.items()]
    sure = [box for box in boxes if box[1] >= SURE_PX]
    figures = {
        "measured_rooms": len(seen),
        "depth_consistency_m_median": statistics.median(gaps.values()) if gaps else None,
        "depth_consistency_m_worst_room": max(gaps.values(), default=None),
        "depth_within_5_cm_worst_room": min((m.within_5_cm for m in shared_views), default=None),
        "points_in_box_min": min((share for share, *_ in sure), default=None),
        "points_in_box_min_of_any_size": min((share for share, *_ in boxes), default=None),
        "measured_boxes": len(sure),
        "boxes_below_97_per_cent": sum(share < INSIDE for share, *_ in sure),
    }
    wrong = [f"pixels are not those of the instance images: {m.room.room_id}" for m in seen if not m.pixels_as_told]
    if exact:
        wrong += [f"depth of two frames differs by {gap:.4f} m: {name}" for name, gap in gaps.items() if gap > DEPTH_M]
        short = sorted((box for box in sure if box[0] < INSIDE), key=lambda box: box[0])
        wrong += [f"box holds {share:.1%} of what is seen: {room.room_id} object {i} ({named(room, i)})" for share, _, room, i in short]
    return figures, wrong


def named(room: Room, i: int) -> str:
    thing = next(o for o in room.objects if o.id == i)
    return f"{thing.category}, {thing.model}"


def shared(rooms: Mapping[str, Mapping[str, Room]]) -> Iterator[str]:
    """What two splits have in common, and must not: rooms, seeds, models (stretched copies count as the same one) and textures."""
    used = {
        split: {
            "room": set(found),
            "seed": {str(room.seed) for room in found.values()},
            "model": {design(thing.model) for room in found.values() for thing in room.objects},
            "texture": {name for room in found.values() for name in room.textures},
        }
        for split, found in rooms.items()
    }
    for a, b in combinations(used, 2):
        for what in used[a]:
            yield from (f"{what} in {a} and {b}: {name}" for name in sorted(used[a][what] & used[b][what]))
    for split, found in rooms.items():
        yield from (f"room in {split} says it belongs to {room.split}: {name}" for name, room in found.items() if room.split != split)


def changed_files(folder: Path, rooms: Mapping[str, Mapping[str, Room]]) -> Iterator[tuple[str, str]]:
    """Rooms whose files no longer hash to what was written down when they were made."""
    for split, found in rooms.items():
        for made in read_shards(folder / split):
            name = f"{split}-{made.index:06d}"
            if name in found and files_digest(folder / split / name) != made.sha256:
                yield split, name


def unseen_questions(rooms: Mapping[str, Mapping[str, Room]], records: Mapping[str, Sequence[Record]]) -> Iterator[tuple[str, str]]:
    """(family, question) of questions that rest on something the clip does not clearly show.

    What a question rests on: its targets, and every category it names, unless the answer is that there is none. That may well be so of a thing
    that stands in the room and was never filmed.
    """
    for split, asked in records.items():
        lexicon = {thing.category for room in rooms[split].values() for thing in room.objects}
        for record in asked:
            room = rooms[split].get(record.room_id)
            if room is None:
                yield record.family, f"{record.question_id} is about a room that is not in {split}"
                continue
            clear = clearly_seen(room)
            hidden = [i for i in record.targets if i not in clear]
            words = [] if denies(record) else missing_words(record, clear, lexicon)
            if hidden or words:
                what = f"object {hidden[0]}" if hidden else words[0]
                yield record.family, f"{record.question_id}: {record.question} ({what})"


def unseen_queries(rooms: Mapping[str, Mapping[str, Room]], queries: Mapping[str, Sequence[Query]]) -> Iterator[tuple[str, str]]:
    """("retrieval", query) of queries with a room that is not there, or whose clip does not clearly show what the query speaks of."""
    for split, asked in queries.items():
        lexicon = {thing.category for room in rooms[split].values() for thing in room.objects}
        clear = {name: set(clearly_seen(room).values()) for name, room in rooms[split].items()}
        for query in asked:
            _, nouns = parse(FEWER.sub(r"\1", query.text), lexicon)
            for name in query.rooms:
                if name not in clear:
                    yield "retrieval", f"{query.query_id} is about a room that is not in {split}"
                elif missing := [noun for noun in nouns if noun not in clear[name]]:
                    yield "retrieval", f"{query.query_id}: {query.text} ({missing[0]} in {name})"


def clearly_seen(room: Room) -> dict[int, str]:
    """Ids and categories of what the clip clearly shows."""
    area = room.image_size_px[0] * room.image_size_px[1] / 256**2
    return {
        thing.id: thing.category
        for thing in room.objects
        if max(thing.pixels, default=0) >= SEEN_MAX_PX * area and sum(thing.pixels) >= SEEN_SUM_PX * area
    }


def denies(record: Record) -> bool:
    """Whether a record may name what is not there: the answer is no, none or false, or the words themselves deny."""
    nothing = record.answer_type in ("boxes", "objects") and not record.targets
    text = record.question.lower()
    open_either = record.choices == ("true", "false") and EITHER.search(text)
    return nothing or record.answer.lower() in ("no", "0", "false", "none") or bool(open_either or NEGATIVE.search(text))


def missing_words(record: Record, clear: Mapping[int, str], lexicon: set[str]) -> list[str]:
    """Categories that a question or a caption speaks of as there and the clip does not show; what is only offered as an answer may be absent."""
    told = " ".join((record.question, *record.answers)) if record.answer_type == "caption" else record.question
    _, nouns = parse(FEWER.sub(r"\1", told), lexicon)
    return [noun for noun in nouns if noun not in clear.values() and noun not in record.choices]


def shortened(wrong: Sequence[str]) -> list[str]:
    """The first of each kind of trouble."""
    counts: Counter = Counter()
    out = []
    for line in wrong:
        kind = re.sub(r"[\d.]+", "", line.partition(":")[0])
        counts[kind] += 1
        out += [line] if counts[kind] <= SHOWN else []
    return out
