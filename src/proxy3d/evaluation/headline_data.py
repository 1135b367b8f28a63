"""Rooms, questions and looks of the headline study: the same for every variant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy3d.answers.sequence import SequenceReader
from proxy3d.answers.words import common_words
from proxy3d.errors import BadInput
from proxy3d.features.semantic import SEMANTIC
from proxy3d.spacespan.record import Record, read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.training.lessons import RoomLesson, colour_words
from proxy3d.training.patches import cached_patches, patches_of_room, unseeing
from proxy3d.training.recipes import category_words, found_rooms
from proxy3d.training.representations import OBJECTS, Grouping, Looks
from proxy3d.training.sequence import StudyRoom, asked
from proxy3d.weights import Weights, load_weights

SPLITS = ("train", "val", "test")
CLUSTERER = "soft_kmeans"
EVERY_NUMERAL = " ".join([*"0123456789", ".", "-", ";"])


@dataclass(frozen=True)
class StudyData:
    """Rooms by split, their questions, and the words they are asked in. Captions are left out: no exact rule scores them."""

    folder: Path
    rooms: dict[str, list[Room]]
    records: dict[str, dict[str, list[Record]]]  # split -> room -> questions
    categories: tuple[str, ...]  # of the training rooms
    words: tuple[str, ...]

    def asked(self, reader: SequenceReader, split: str) -> list[StudyRoom]:
        """The questions of a split in a reader's words."""
        found = []
        for room in self.rooms[split]:
            if records := self.records[split].get(room.room_id):
                found.append(StudyRoom(room.room_id, [asked(r, reader) for r in records], colour_words(room)))
        return found


class StudyLooks(Looks):
    """Looks of one set of weights at the rooms of a study. Each is made when it is first asked for: few steps meet few rooms.

    Groupings that will be needed `together` are made at once: what they group is most of the work.
    """

    def __init__(self, folder: Path, data: StudyData, weights: Weights, together: Sequence[Grouping] = ()):
        super().__init__(folder)
        self.data, self.weights, self.semantic, self.together = data, weights, semantic_of(weights), together
        self.encoder = SEMANTIC[self.semantic]()
        self.found = {room.room_id: (split, room) for split in SPLITS for room in data.rooms[split]}

    def load(self, room_id: str, grouping: Grouping) -> RoomLesson:
        self.ahead([room_id], [grouping])
        return super().load(room_id, grouping)

    def ahead(self, room_ids: Iterable[str], groupings: Sequence[Grouping]) -> None:
        """Make what is not there yet; of each room what the encoder sees is computed once for all groupings."""
        for room_id in room_ids:
            if todo := [g for g in groupings if not self.file(room_id, g).exists()]:
                split, room = self.found[room_id]
                folder, cache = self.data.folder / split / room_id, self.data.folder / ".patches" / self.semantic
                only_objects = all(grouping.by == OBJECTS for grouping in todo)
                patches = patches_of_room(folder, unseeing) if only_objects else cached_patches(folder, cache, self.encoder)
                self.make(room, patches, self.weights, self.data.categories, todo if only_objects else [*todo, *self.together])


def study_weights(name: str) -> Weights:
    """Weights of a proxy encoder with learnable k-means, which every row called proxies is grouped by.

    Raises:
        BadInput: no such weights, or another clusterer was trained in them.
    """
    weights = load_weights(name)
    if weights.clusterer_name != CLUSTERER:
        raise BadInput(f"the weights {name} were trained with the clusterer {weights.clusterer_name!r}; the study needs {CLUSTERER!r}")
    return weights


def semantic_of(weights: Weights) -> str:
    """Which frozen image encoder a proxy encoder was trained on."""
    name = weights.facts.get("run", {}).get("settings", {}).get("semantic", "efficientnet_lite0")
    if name not in SEMANTIC:
        raise BadInput(f"the weights {weights.name} need the semantic encoder {name!r}; known: {', '.join(SEMANTIC)}")
    return name


def load_study(folder: Path, limit: int | None = None) -> StudyData:
    """The data of a study; of each split the first `limit` rooms.

    Raises:
        BadInput: no rooms or no questions there.
    """
    rooms = {split: [Room.load(f) for f in found_rooms(Path(folder) / split)[:limit]] for split in SPLITS}
    records: dict[str, dict[str, list[Record]]] = {}
    for split in SPLITS:
        kept, by_room = {room.room_id for room in rooms[split]}, defaultdict(list)
        for record in read_records(Path(folder) / f"{split}.jsonl"):
            if record.answer_type != "caption" and record.room_id in kept:
                by_room[record.room_id].append(record)
        if not by_room:
            raise BadInput(f"{Path(folder) / f'{split}.jsonl'}: no question about any of the {len(kept)} rooms of {split}")
        records[split] = dict(by_room)
    categories = category_words(rooms["train"])
    texts = [f"{r.question} {r.answer}" for mine in records["train"].values() for r in mine]
    always = [" ".join([EVERY_NUMERAL, *categories, *COLOURS, "thing"])] * 5  # what a scene in words may need
    return StudyData(Path(folder), rooms, records, categories, common_words([*texts, *always]))


def train_records(data: StudyData) -> Sequence[Record]:
    """All questions of the training rooms."""
    return [record for mine in data.records["train"].values() for record in mine]
