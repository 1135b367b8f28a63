"""SQA3D's second task: where in the room somebody stands, and which way they face, from words alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy3d.evaluation.metrics.poses import level_distance, turn_apart
from proxy3d.evaluation.prediction_files import one_file, read_predictions
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.evaluation.worded import examples_from
from proxy3d.spacespan.sources.rows import Unusable, kind, load, numbers

MOST = 3  # guesses that count
METRICS = {"position@0.5m": ("places", 0.5), "position@1m": ("places", 1.0), "rotation@15deg": ("turns", 15.0), "rotation@30deg": ("turns", 30.0)}
APART: Mapping[str, Callable[[Sequence[float], Sequence[float]], float]] = {"places": level_distance, "turns": turn_apart}
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Standing:
    """Guesses, or the one truth: places in metres, turns as quaternions (x, y, z, w)."""

    places: tuple[Numbers, ...]
    turns: tuple[Numbers, ...]
    scene: str = ""


@dataclass(frozen=True)
class SQA3DLocalisation:
    """SQA3D localisation (Ma et al. 2023, arXiv 2210.07474): the best of three guesses, places and turns judged apart, both by `<`."""

    name: ClassVar[str] = "sqa3d_localisation"
    licence: ClassVar[str] = "CC BY 4.0"
    citation: ClassVar[str] = "2210.07474"
    variants: ClassVar[tuple[str, ...]] = ("official",)
    defects: ClassVar[Mapping[str, str]] = {"official": "the heading is the z part of the rotation vector, which is no angle once a pose leans"}

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Poses of a localisation file, or of the annotations that go with questions.

        Raises:
            BadInput: neither.
        """
        file = one_file(annotations, "v1_balanced_localization_*.json", "v1_balanced_sqa_annotations_*.json")
        content = load(file)
        rows = content if isinstance(content, list) else next((v for v in content.values() if isinstance(v, list)), []) if content else []
        return examples_from(((f"row {number}", row) for number, row in enumerate(rows, 1)), file, example)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{id: {position: [x, y, z] or up to three, rotation: [x, y, z, w] or up to three}}, or rows with question_id and these."""
        return read_predictions(file, {e.id: None for e in examples}, guesses)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """Share of places and of turns within each limit."""
        hits = dict.fromkeys(METRICS, 0)
        for e in examples:
            for name, (part, limit) in METRICS.items():
                (truth,) = getattr(e.truth, part)
                mine = getattr(found[e.id], part)[:MOST] if e.id in found else ()
                hits[name] += any(APART[part](guess, truth) < limit for guess in mine)
        return Scored(len(examples), {name: 100 * hit / len(examples) if examples else None for name, hit in hits.items()})

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """The middle of all true places of a scene, facing as the first of them does: fitted on the truth, an upper bound."""
        scenes: dict[str, list[Standing]] = defaultdict(list)
        for e in examples:
            scenes[e.truth.scene].append(e.truth)
        middle = {
            name: Standing((tuple(sum(s.places[0][axis] for s in mine) / len(mine) for axis in range(3)),), mine[0].turns)
            for name, mine in scenes.items()
        }
        said = {e.id: middle[e.truth.scene] for e in examples}
        return {"middle of the scene's true places": self.score(examples, said, variant)}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """There is no leaderboard that takes files."""
        return None


def example(item: dict) -> Example:
    """A row with a pose."""
    own_id = item.get("question_id", item.get("id"))
    if isinstance(own_id, bool) or not isinstance(own_id, str | int):
        raise Unusable("question_id: expected text or a whole number")
    truth = guesses(item)
    if len(truth.places) != 1 or len(truth.turns) != 1:
        raise Unusable("expected one position and one rotation")
    return Example(str(own_id), "", Standing(truth.places, truth.turns, str(item.get("scene_id", ""))), str(item.get("situation", "")))


def guesses(value: object) -> Standing:
    """Places and turns of a row, as lists or with the keys x, y, z and _x, _y, _z, _w.

    Raises:
        Unusable: neither is there, or something else than finite numbers.
    """
    if not isinstance(value, dict):
        raise Unusable(f"expected position and rotation, got {kind(value)}")
    places, turns = several("position", value.get("position"), "xyz"), several("rotation", value.get("rotation"), ("_x", "_y", "_z", "_w"))
    if not places and not turns:
        raise Unusable("no position and no rotation")
    if any(sum(v * v for v in turn) < 1e-6 for turn in turns):
        raise Unusable("rotation: a quaternion of length 0 turns nothing")
    return Standing(places, turns)


def several(key: str, value: object, axes: Sequence[str]) -> tuple[Numbers, ...]:
    """One list of numbers, or several; none where there is no value."""
    if value is None:
        return ()
    many = value if isinstance(value, list) and value and isinstance(value[0], list | dict) else [value]
    return tuple(numbers(key, [one.get(axis) for axis in axes] if isinstance(one, dict) else one, len(axes)) for one in many)
