"""What stages 2 and 3 need and is computed once: looks at rooms, and questions as far as the language model's tap."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.model import SpatialReader
from proxy3d.answers.question import pad
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.lessons import RoomLesson
from proxy3d.training.processes import processes

BATCH = 48  # rows heard at a time, of about the same length

Row = tuple[int, ...]


def key_of(*parts: object) -> str:
    """A digest of everything a remembered thing depends on; tensors count by value."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.detach().contiguous().numpy().tobytes() if isinstance(part, Tensor) else json.dumps(part, default=str).encode())
    return digest.hexdigest()


def remembered(file: Path, key: str, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of `file` if it was made under the same key; else computed, and kept there. Of several processes one computes, all wait."""
    with processes().first_goes_first():
        if file.is_file():
            tensors, facts = load_tensors(file)
            if facts.get("key") == key:
                return tensors
        tensors = compute()
        save_tensors(file, tensors, {"key": key})
        return tensors


def hear(reader: SpatialReader, rows: Sequence[Row], shown: int, file: Path) -> dict[Row, Float[Tensor, "n E"]]:
    """Hidden states (float16) of every row of tokens below the tap, which nothing that is learned can change.

    Rows of like length go together: four times faster than a dozen at a time as they come, and a resumed or blind run
    finds them on disk.
    """
    unique = sorted(set(rows), key=lambda r: (len(r), r))

    def compute() -> dict[str, Tensor]:
        parts = []
        for start in range(0, len(unique), BATCH):
            batch = unique[start : start + BATCH]
            hidden = reader.listen(pad(batch)[0], shown).half()
            parts += [h[: len(row)] for h, row in zip(hidden, batch, strict=True)]
            if start // BATCH % 50 == 49:
                print(f"heard {start + len(batch)}/{len(unique)} questions", file=sys.stderr, flush=True)
        return {"hidden": torch.cat(parts)}

    hidden = remembered(file, key_of(reader.host.hash, reader.tap, shown, unique), compute)["hidden"]
    return dict(zip(unique, hidden.split([len(r) for r in unique]), strict=True))


def keep_looks(looks: Sequence[Sequence[RoomLesson]]) -> dict[str, Tensor]:
    """Tensors by room, look and field."""
    out = {}
    for i, room in enumerate(looks):
        for j, lesson in enumerate(room):
            fields = {**lesson.numbers.__dict__, **{k: v for k, v in lesson.__dict__.items() if k != "numbers"}}
            out |= {f"{i}.{j}.{name}": value.clone().contiguous() for name, value in fields.items()}
    return out


def kept_looks(tensors: dict[str, Tensor], rooms: int, looks: int) -> list[list[RoomLesson]]:
    """The reverse of `keep_looks`."""
    numbers = tuple(SceneNumbers.__dataclass_fields__)
    others = tuple(name for name in RoomLesson.__dataclass_fields__ if name != "numbers")

    def lesson(at: str) -> RoomLesson:
        return RoomLesson(SceneNumbers(**{n: tensors[at + n] for n in numbers}), **{n: tensors[at + n] for n in others})

    return [[lesson(f"{i}.{j}.") for j in range(looks)] for i in range(rooms)]
