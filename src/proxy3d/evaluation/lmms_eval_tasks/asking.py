"""What a task of lmms-eval shows and asks: questions from the published files somebody has, and a capture or video of each room.

Two environment variables say where those are. `PROXY3D_ANNOTATIONS` is a folder with one folder per benchmark (`scanqa`, `sqa3d`, `scan2cap`,
`scanrefer`, `multi3drefer`), each holding what `proxy3d score` takes as `--annotations`. `PROXY3D_CAPTURES` is a folder with what shows a
room, by the name of its scene: a capture `scene0011_00`, a video `scene0011_00.mp4`, or both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import BENCHMARKS
from proxy3d.evaluation.prediction_files import one_file
from proxy3d.evaluation.scoring import Example
from proxy3d.spacespan.sources.sqa3d import QUESTIONS, joined

if TYPE_CHECKING:
    from datasets import Dataset

ANNOTATIONS, CAPTURES = "PROXY3D_ANNOTATIONS", "PROXY3D_CAPTURES"
VIDEO = ".mp4"


def folder_of(variable: str, holds: str) -> Path:
    """The folder that an environment variable names.

    Raises:
        BadInput: it is not set, or names no folder.
    """
    named = os.environ.get(variable, "")
    if not named or not Path(named).is_dir():
        got = f"{named!r} is no folder" if named else "it is not set"
        raise BadInput(f"the environment variable {variable}: {got}; expected a folder with {holds}")
    return Path(named)


def examples_of(name: str) -> Sequence[Example]:
    """Questions with their truth, read once.

    Raises:
        BadInput: no such folder, or not the benchmark's files.
    """
    folder = folder_of(ANNOTATIONS, f"a folder {name} in it") / name
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; expected the published files of {name} in it, as `proxy3d score` takes them")
    return _read(name, folder.resolve())


@lru_cache(maxsize=8)
def _read(name: str, folder: Path) -> Sequence[Example]:
    return tuple(BENCHMARKS[name]().examples(folder))


def plain(name: str, examples: Sequence[Example]) -> list[str]:
    """The question or phrase as the file has it."""
    return [e.prompt for e in examples]


def situated(name: str, examples: Sequence[Example]) -> list[str]:
    """SQA3D: where the asker stands, then the question."""
    file = one_file(folder_of(ANNOTATIONS, f"a folder {name} in it") / name, f"{QUESTIONS}*.json")
    situations = {str(row["question_id"]): row.get("situation") or "" for _, row in joined(file) if isinstance(row, dict)}
    return [f"{situations[e.id]} {e.prompt}".strip() for e in examples]


def boxed(name: str, examples: Sequence[Example]) -> list[str]:
    """Scan2Cap: the object is named by its true box, since a model in words is shown no proposals.

    Raises:
        BadInput: the annotations have no boxes.
    """
    found = []
    for e in examples:
        if e.truth.box is None:
            raise BadInput(f"{e.id}: no box; this task names objects by their place, so the rows of ScanRefer need bbox")
        sides = list(zip(*e.truth.box, strict=True))
        found.append(f"centre {[round((low + high) / 2, 2) for low, high in sides]}, size {[round(high - low, 2) for low, high in sides]}")
    return found


QUESTIONS_OF: Mapping[str, Callable[[str, Sequence[Example]], list[str]]] = {
    "scanqa": plain, "sqa3d": situated, "scan2cap": boxed, "scanrefer": plain, "multi3drefer": plain,
}  # fmt: skip


def rows(name: str) -> list[dict[str, str]]:
    """What the harness keeps of each question: no truth, which is read again where answers are scored."""
    examples = examples_of(name)
    scenes = [getattr(e.truth, "scene", "") or e.id.partition("|")[0] for e in examples]
    questions = QUESTIONS_OF[name](name, examples)
    return [{"benchmark": name, "id": e.id, "scene": s, "question": q} for e, s, q in zip(examples, scenes, questions, strict=True)]


def documents(placeholder: Dataset) -> Dataset:
    """`process_docs`: the file that the YAML names says only which benchmark it is; its questions come from the files somebody has."""
    from datasets import Dataset

    return Dataset.from_list(rows(placeholder[0]["benchmark"]))


def text(doc: Mapping[str, str], wording: Mapping[str, str] | None = None) -> str:
    """`doc_to_text`: the question between `pre_prompt` and `post_prompt` of the task."""
    wording = wording or {}
    return f"{wording.get('pre_prompt', '')}{doc['question']}{wording.get('post_prompt', '')}"


def visual(doc: Mapping[str, str], wording: Mapping[str, str] | None = None) -> list[str]:
    """`doc_to_visual`: a path, of the video where a model takes those, of the capture where the task says `shows: capture`.

    Raises:
        BadInput: neither is there.
    """
    room = folder_of(CAPTURES, "a capture or a video of each scene") / doc["scene"]
    video = room.with_name(room.name + VIDEO)
    order = (room, video) if (wording or {}).get("shows") == "capture" else (video, room)
    shown = next((path for path in order if path.exists()), None)
    if shown is None:
        raise BadInput(f"{room}: no such capture, and no {video.name} beside it")
    return [str(shown)]
