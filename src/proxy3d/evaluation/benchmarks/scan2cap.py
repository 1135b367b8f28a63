"""Scan2Cap: captions of objects, which count only where the object was found."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from proxy3d.evaluation.benchmarks.scan2cap_files import Caption, Described, described, read_captions
from proxy3d.evaluation.metrics.captions import NAMES, MeteorScorer, caption_scores, item_scores
from proxy3d.evaluation.metrics.corner_boxes import corner_iou, generalised_iou
from proxy3d.evaluation.metrics.ptb import ptb
from proxy3d.evaluation.scoring import Example, Predictions, Scored

HEADLINE, LIMITS = 0.5, (0.5, 0.25)
MOST_TOKENS = 30
NOTHING = "sos eos"


def bare(text: str) -> str:
    """A caption without the marks at its ends, where it has them."""
    return re.sub(r"(?:^|\s+)eos\s*$", "", re.sub(r"^\s*sos(?:\s+|$)", "", text))


def between_marks(text: str) -> str:
    return f"sos {bare(text)} eos"


def spaced(text: str) -> str:
    """Stops and commas as words of their own; an empty caption leaves two blanks between the marks, which ROUGE-L counts."""
    return f"sos {bare(text).replace('.', ' . ').replace(',', ' , ').lower()} eos"


@dataclass(frozen=True)
class Rule:
    """How a code base writes references and captions, and what stands for an object that was not found."""

    reference: Callable[[Described], list[str]]
    said: Callable[[str], str]
    nothing: str
    strictly_above: bool = False  # IoU > k instead of >= k
    predicted_only: bool = False  # objects without a prediction are left out


def marked_tokens(truth: Described, most: int | None = None) -> list[str]:
    return [f"sos {' '.join(tokens[:most])} eos" for tokens in truth.tokens]


RULES: dict[str, Rule] = {
    "video3dllm": Rule(lambda truth: [spaced(text) for text in truth.captions], spaced, spaced("")),
    "vgllm": Rule(lambda truth: [spaced(text) for text in truth.captions], spaced, spaced("")),
    "official-legacy": Rule(lambda truth: marked_tokens(truth, MOST_TOKENS), lambda text: " ".join(between_marks(text).split()), NOTHING, True),
    "leo": Rule(marked_tokens, lambda text: between_marks(text).replace(". ", " . "), NOTHING, predicted_only=True),
    "chatscene": Rule(lambda truth: [ptb(text) for text in marked_tokens(truth)], lambda text: ptb(between_marks(text.replace("\n", " "))), NOTHING),
}
DENSE = "official-2022"


@dataclass(frozen=True)
class Scan2Cap:
    """Scan2Cap (Chen et al. 2021, arXiv 2012.02206). Plain metric names are at IoU 0.5, which papers print as C@0.5 and so on.

    A caption that comes without a box and without an IoU is about the true box. `meteor` as in ScanQA.
    """

    name: ClassVar[str] = "scan2cap"
    licence: ClassVar[str] = "CC BY-NC-SA 3.0"
    citation: ClassVar[str] = "2012.02206"
    variants: ClassVar[tuple[str, ...]] = ("video3dllm", "official-legacy", DENSE, "leo", "vgllm", "chatscene")
    defects: ClassVar[Mapping[str, str]] = {
        "video3dllm": "a lost object leaves `sos  eos` with two blanks, which still earns BLEU-1, ROUGE-L and METEOR",
        "vgllm": "as video3dllm",
        "official-legacy": "references are cut after 30 tokens; a lost object still earns for `sos eos`; an IoU of exactly k is lost",
        DENSE: "each item's BLEU is made of its own few words; a lost object is matched with nothing here, with the first proposal there",
        "leo": "objects without a prediction are left out, so that answering few raises the score",
        "chatscene": "a lost object still earns for `sos eos`",
    }

    meteor: MeteorScorer | None = None

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Objects of ScanRefer's rows, with boxes where the rows have them, or of a corpus {object: [captions]}.

        Raises:
            BadInput: neither.
        """
        return described(annotations)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """The benchmark's {scene: [{caption, box, ...}]}, {scene|object_id: caption}, or rows that name an object."""
        return read_captions(file, examples)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """Scores at IoU 0.5 under plain names and at 0.25 under names that say so."""
        if variant == DENSE:
            return self._dense(examples, found)
        rule, metrics = RULES[variant], {}
        mine = of_objects(examples, found)
        kept = [e for e in examples if e.id in mine] if rule.predicted_only else list(examples)
        for limit in LIMITS:
            said = [rule.said(c.text) if (c := mine.get(e.id)) and reaches(c.iou, limit, rule) else rule.nothing for e in kept]
            values = caption_scores(said, [rule.reference(e.truth) for e in kept], self.meteor)
            metrics |= {at(name, limit): None if value is None else 100 * value for name, value in values.items()}
        return Scored(len(kept), metrics)

    def _dense(self, examples: Sequence[Example], found: Mapping[str, object]) -> Scored:
        """Sums over matched objects, over all predictions (precision) and over all objects (recall); the plain name is F1."""
        mine = assigned(examples, found)
        said = [mine[e.id].text if e.id in mine else NOTHING for e in examples]
        each = item_scores(said, [marked_tokens(e.truth) for e in examples], self.meteor)
        metrics: dict[str, float | None] = {}
        for limit in LIMITS:
            mask = np.array([e.id in mine and (mine[e.id].iou or 0.0) >= limit for e in examples])
            for name in NAMES:
                total = None if each[name] is None else float((each[name] * mask).sum())
                precision, recall = (None if total is None else 100 * total / max(count, 1) for count in (len(found), len(examples)))
                both = None if total is None else 2 * precision * recall / (precision + recall) if total else 0.0
                metrics |= {at(name, limit): both, at(f"{name}-precision", limit): precision, at(f"{name}-recall", limit): recall}
        return Scored(len(examples), {name: metrics[name] for name in NAMES} | metrics | {"mAP": None})

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """What an empty caption of every object earns, and its name alone; boxes are taken as true."""
        silent = {e.id: Caption("") for e in examples}
        found = {"nothing said": self.score(examples, silent, variant)}
        if all(e.truth.name for e in examples):
            named = {e.id: Caption(f"sos this is a {e.truth.name} . eos") for e in examples}
            found["its true name"] = self.score(examples, named, variant)
        return found

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """The benchmark's {scene: [{caption, box, sem_prob, obj_prob}]}; None where a caption has no box."""
        scenes: dict[str, list[dict]] = defaultdict(list)
        for own_id, caption in found.items():
            if caption.box is None:
                return None
            row = caption.row or {}
            low, high = caption.box
            corners = [[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for k in (0, 1) for j in (0, 1) for i in (0, 1)]
            entry = {"caption": " ".join(between_marks(caption.text).split()), "box": row.get("box", corners)}
            entry |= {"sem_prob": row.get("sem_prob", [1 / 18] * 18), "obj_prob": row.get("obj_prob", [0.0, 1.0])}
            scenes[own_id.partition("|")[0]].append(entry)
        return json.dumps(scenes)


def at(name: str, limit: float) -> str:
    return name if limit == HEADLINE else f"{name}@{limit}"


def reaches(iou: float | None, limit: float, rule: Rule) -> bool:
    """Whether the object counts as found; without box and IoU the true box was given."""
    return iou is None or (iou > limit if rule.strictly_above else iou >= limit)


def of_objects(examples: Sequence[Example], found: Mapping[str, Caption]) -> dict[str, Caption]:
    """Each object's caption with its IoU; where a file lists proposals, the one that overlaps the object most."""
    scenes = proposals(found)
    mine: dict[str, Caption] = {}
    for e in examples:
        caption, box = found.get(e.id), e.truth.box
        if caption is not None:
            known = caption.iou is not None or caption.box is None or box is None
            mine[e.id] = caption if known else replace(caption, iou=overlap(caption.box, box))
        elif box is not None and (several := scenes.get(e.id.partition("|")[0])):
            ious = [overlap(proposal.box, box) for proposal in several]
            best = int(np.argmax(ious))
            mine[e.id] = replace(several[best], iou=ious[best])
    return mine


def overlap(a: Sequence, b: Sequence) -> float:
    """IoU as Scan2Cap's code works it out: single precision and a small constant, which decide exact ties."""
    return float(corner_iou(np.array([a]), np.array([b]), dtype=np.float32, epsilon=1e-8)[0, 0])


def proposals(found: Mapping[str, Caption]) -> dict[str, list[Caption]]:
    """Captions that are tied to a box and to no object, by scene."""
    scenes: dict[str, list[Caption]] = defaultdict(list)
    for own_id, caption in found.items():
        if "|#" in own_id and caption.box is not None:
            scenes[own_id.partition("|")[0]].append(caption)
    return scenes


def assigned(examples: Sequence[Example], found: Mapping[str, Caption]) -> dict[str, Caption]:
    """One caption at most for each object: boxes of a scene matched one to one by generalised IoU, else as the file names them."""
    from scipy.optimize import linear_sum_assignment

    boxes: dict[str, list[Caption]] = defaultdict(list)
    for own_id, caption in found.items():
        if caption.box is not None:
            boxes[own_id.partition("|")[0]].append(caption)
    objects: dict[str, list[Example]] = defaultdict(list)
    mine: dict[str, Caption] = {}
    for e in examples:
        caption = found.get(e.id)
        if caption is not None and (caption.box is None or e.truth.box is None):
            mine[e.id] = replace(caption, iou=1.0 if caption.iou is None else caption.iou)
        elif e.truth.box is not None:
            objects[e.id.partition("|")[0]].append(e)
    for scene, wanted in objects.items():
        said = boxes.get(scene, [])
        if said:
            a, b = np.array([c.box for c in said]), np.array([e.truth.box for e in wanted])
            rows, columns = linear_sum_assignment(-generalised_iou(a, b))
            iou = corner_iou(a, b)
            mine |= {wanted[j].id: replace(said[i], iou=float(iou[i, j])) for i, j in zip(rows, columns, strict=True)}
    return mine
