"""A question, its answers and where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proxy3d.errors import BadInput
from proxy3d.values import Box

AnswerType = Literal["yes_no", "choice", "number", "metres", "square_metres", "category", "boxes"]
ANSWER_TYPES = ("yes_no", "choice", "number", "metres", "square_metres", "category", "boxes")


@dataclass(frozen=True)
class Record:
    """One question about one room, with its exact answer.

    `answer` is "yes" / "no", one of `choices`, digits, "1.8 m", "14 m2", one word, or (boxes) how many boxes there are to find.
    """

    question_id: str  # "train-000017-count-0": unique in a data set
    room_id: str
    split: str
    family: str  # a key of proxy3d.spacespan.questions.FAMILIES
    question: str
    answer: str
    answer_type: AnswerType
    subject: str  # what a blind reader learns from the words: "sofa", "cup on table"; majority-per-subject is counted over it
    choices: tuple[str, ...] = ()  # every answer the question offers; empty where it offers none
    targets: tuple[int, ...] = ()  # ids of the objects to find, or of those that the answer rests on
    boxes: tuple[Box, ...] = ()  # grounding only: the box of each target, in the order of `targets`
    chance: float | None = None  # how often a uniform guess is right; None where answers are open numbers or boxes

    def __post_init__(self):
        if self.answer_type not in ANSWER_TYPES:
            raise ValueError(f"Record.answer_type: expected one of {', '.join(ANSWER_TYPES)}, got {self.answer_type!r}")
        offered = ("yes", "no") if self.answer_type == "yes_no" else self.choices
        if offered and self.answer not in offered:
            raise ValueError(f"Record.answer: expected one of {', '.join(offered)}, got {self.answer!r}")
        if self.answer_type == "choice" and not self.choices:
            raise ValueError("Record.choices: expected at least one for a choice, got none")
        wanted = len(self.targets) if self.answer_type == "boxes" else 0
        if len(self.boxes) != wanted:
            raise ValueError(f"Record.boxes: expected {wanted} for {self.answer_type} with {len(self.targets)} targets, got {len(self.boxes)}")

    def to_json(self) -> str:
        """One line of a records.jsonl file."""
        raw = {**self.__dict__, "boxes": [box.to_json() for box in self.boxes]}
        return json.dumps(raw, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Record:
        """Raises BadInput when the text is not a record."""
        try:
            raw = json.loads(text)
            boxes = tuple(Box(**{k: tuple(v) if isinstance(v, list) else v for k, v in box.items()}) for box in raw.pop("boxes"))
            return Record(boxes=boxes, **{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"not a question record: {error}; expected a line written by `proxy3d data make`") from None


def write_records(path: Path, records: Iterable[Record]) -> None:
    """A JSON Lines file, one record per line, in the order given."""
    Path(path).write_text("".join(record.to_json() + "\n" for record in records), encoding="utf-8")


def read_records(path: Path) -> list[Record]:
    """The records of a JSON Lines file.

    Raises:
        BadInput: the file is missing, or names the first line that is not a record.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; expected records.jsonl as written by `proxy3d data make`")
    records = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            records.append(Record.from_json(line))
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None
    return records
