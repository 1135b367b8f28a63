"""A question, its answers and where it came from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch

from proxy3d.errors import BadInput
from proxy3d.geometry import is_rigid
from proxy3d.values import Box

AnswerType = Literal["yes_no", "choice", "number", "metres", "square_metres", "category", "boxes", "objects", "text", "caption", "hidden"]
ANSWER_TYPES = ("yes_no", "choice", "number", "metres", "square_metres", "category", "boxes", "objects", "text", "caption", "hidden")
Pose = tuple[tuple[float, ...], ...]
# Left out of a line where they say nothing, so that rooms made before these fields came keep their bytes.
SPARSE = ("answers", "source", "licence", "unit", "situation", "world_from_agent", "media")


@dataclass(frozen=True)
class Record:
    """One question about one room, with its answers.

    `answer` is "yes" / "no", one of `choices`, a number, "1.8 m", "14 m2", one word, free text, a caption, how many boxes or objects there are to
    find, or empty where a benchmark keeps it hidden. `boxes` asks for boxes that the record has; `objects` for objects whose boxes lie
    elsewhere.
    """

    question_id: str  # "train-000017-count-0", "scanqa/val-scene0011-0": unique in a data set
    room_id: str
    split: str  # train, val, test; all where a source does not say
    family: str  # a key of FAMILIES or SPLIT_FAMILIES in proxy3d.spacespan.questions, or a source's own task
    question: str
    answer: str
    answer_type: AnswerType
    subject: str  # what a blind reader learns from the words: "sofa", "cup on table"; majority-per-subject is counted over it
    choices: tuple[str, ...] = ()  # every answer the question offers; empty where it offers none
    targets: tuple[int, ...] = ()  # ids of the objects to find, or of those that the answer rests on
    boxes: tuple[Box, ...] = ()  # grounding only: the box of each target, in the order of `targets` where ids are known
    chance: float | None = None  # how often a uniform guess is right; None where answers are open numbers or boxes
    answers: tuple[str, ...] = ()  # every answer that is accepted, `answer` first; (answer,) unless more are given
    source: str = ""  # a key of proxy3d.spacespan.sources.SOURCES; empty for rooms of our own
    licence: str = ""  # of the words; pixels carry their own
    unit: str | None = None  # of a number: m, cm, m2
    situation: str | None = None  # where the asker stands and looks, in words
    world_from_agent: Pose | None = None  # the same as a 4 x 4 matrix, metres, in the frame of the source; ours looks along x, y left, z up
    media: tuple[str, ...] = ()  # the clip, or its pictures in order, relative to a folder that the reader names

    def __post_init__(self):
        if not self.answers and self.answer:
            object.__setattr__(self, "answers", (self.answer,))
        self._check_words()
        self._check_answer()
        wanted = len(self.targets or self.boxes) if self.answer_type == "boxes" else 0
        if len(self.boxes) != wanted:
            raise ValueError(f"Record.boxes: expected {wanted} for {self.answer_type} with {len(self.targets)} targets, got {len(self.boxes)}")
        if not all(math.isfinite(v) for box in self.boxes for v in (*box.centre_m, *box.size_m, box.yaw_rad)):
            raise ValueError("Record.boxes: expected finite numbers, got NaN or infinity")
        if self.world_from_agent is not None and not _is_pose(self.world_from_agent):
            raise ValueError("Record.world_from_agent: expected a rotation and a translation as 4 rows of 4 finite numbers")
        for path in self.media:
            if path.startswith(("/", "~")) or ":" in path or ".." in path.split("/") or "\\" in path:
                raise ValueError(f"Record.media: expected a path relative to a folder of yours, with /, got {path!r}")

    def _check_words(self) -> None:
        # Not question_id: families of questions make records first and number them later.
        for name in ("room_id", "split", "question"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(f"Record.{name}: expected text, got {getattr(self, name)!r}")
        for name in ("answers", "choices", "media"):
            if not all(isinstance(text, str) and text for text in getattr(self, name)):
                raise ValueError(f"Record.{name}: expected texts, none of them empty, got {getattr(self, name)!r}")
        words = (self.question_id, self.room_id, self.split, self.family, self.question, self.subject, self.situation or "")
        try:
            "".join((*words, *self.answers, *self.choices, *self.media)).encode()
        except UnicodeEncodeError:
            raise ValueError("Record: expected text that UTF-8 can write, got half of a surrogate pair") from None

    def _check_answer(self) -> None:
        kind = self.answer_type
        if kind not in ANSWER_TYPES:
            raise ValueError(f"Record.answer_type: expected one of {', '.join(ANSWER_TYPES)}, got {kind!r}")
        if (kind == "hidden") != (self.answers == ()) or self.answers[:1] != ((self.answer,) if self.answer else ()):
            raise ValueError(f"Record.answers: expected {self.answer!r} first, and none only where the answer is hidden, got {self.answers!r}")
        offered = ("yes", "no") if kind == "yes_no" else self.choices
        if offered and kind != "hidden" and self.answer not in offered:
            raise ValueError(f"Record.answer: expected one of {', '.join(offered)}, got {self.answer!r}")
        if kind == "choice" and not self.choices:
            raise ValueError("Record.choices: expected at least one for a choice, got none")
        if kind == "number" and not _is_number(self.answer):
            raise ValueError(f"Record.answer: expected a finite number, got {self.answer!r}")
        if kind == "objects" and self.answer != str(len(self.targets)):
            raise ValueError(f"Record.answer: expected how many targets there are, {len(self.targets)}, got {self.answer!r}")

    def to_json(self) -> str:
        """One line of a records.jsonl file."""
        raw = {**self.__dict__, "boxes": [box.to_json() for box in self.boxes]}
        silent = {name for name in SPARSE if not raw[name]} | ({"answers"} if self.answers == (self.answer,) else set())
        return json.dumps({k: v for k, v in raw.items() if k not in silent}, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Record:
        """Raises BadInput when the text is not a record."""
        try:
            raw = json.loads(text)
            boxes = tuple(Box(**{k: _tuples(v) for k, v in box.items()}) for box in raw.pop("boxes"))
            return Record(boxes=boxes, **{k: _tuples(v) for k, v in raw.items()})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise BadInput(f"not a question record: {error}; expected a line written by `proxy3d data make` or `proxy3d data import`") from None


@dataclass(frozen=True)
class Dropped:
    """A row that became no record, and why: what was left out is data too."""

    source: str
    where: str  # "ScanQA_v1.0_val.json, row 17"
    reason: str

    def __post_init__(self):
        if not self.reason or "\n" in self.reason:
            raise ValueError(f"Dropped.reason: expected one line, got {self.reason!r}")

    def to_json(self) -> str:
        """One line of a dropped.jsonl file; escaped, because a broken row may hold what UTF-8 cannot."""
        return json.dumps(self.__dict__, separators=(",", ":"))


def _tuples(value: object) -> object:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_pose(rows: Pose) -> bool:
    try:
        return is_rigid(torch.tensor(rows, dtype=torch.float64))
    except (ValueError, TypeError, RuntimeError):
        return False


class Line(Protocol):
    """What a JSON Lines file can hold."""

    def to_json(self) -> str: ...


def write_records(path: Path, records: Iterable[Line]) -> None:
    """A JSON Lines file, one record per line, in the order given; written whole or not at all."""
    part = Path(path).with_name(Path(path).name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(record.to_json() + "\n" for record in records)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def make_room(*files: Path, force: bool) -> None:
    """The folder of files that are about to be written.

    Raises:
        BadInput: one of them is there and may not be overwritten, or is a folder.
    """
    for file in files:
        if file.is_dir():
            raise BadInput(f"{file} is a folder; expected the name of a file to write")
        if file.exists() and not force:
            raise BadInput(f"{file} exists; type --force to overwrite it, or another name after -o")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise BadInput(f"{file.parent} is no folder, so that nothing can be written into it") from None


def read_records(path: Path) -> list[Record]:
    """The records of a JSON Lines file.

    Raises:
        BadInput: the file is missing, or names the first line that is not a record.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; expected records.jsonl as written by `proxy3d data make` or `proxy3d data import`")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8, but byte {error.start} is not") from None
    records = []
    # Not splitlines(): people's questions hold U+2028 and other ends of line that JSON does not escape.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        try:
            records.append(Record.from_json(line))
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None
    return records
