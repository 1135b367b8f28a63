"""How sure a proxy must be before it points: chosen on validation rooms, so that what is not there gets no box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.batch import answer_many
from proxy3d.answers.boxes import merge_votes
from proxy3d.answers.model import SpatialReader
from proxy3d.evaluation.metrics.boxes import f1_at
from proxy3d.training.align import RoomOfQuestions

TRIED = tuple(i / 20 for i in range(4, 19))
IOU = 0.25


def best_least_score(reader: SpatialReader, rooms: Sequence[RoomOfQuestions]) -> float:
    """The least score with the highest mean F1 at IoU 0.25 over all grounding phrases of rooms."""
    pointed = []
    for room in rooms:
        lesson, phrases = room.looks[0], [q.record for q in room.questions if q.record.answer_type == "boxes"]
        if not phrases:
            continue
        replies = answer_many(reader, lesson.numbers, [p.question for p in phrases], speak=[False] * len(phrases))
        for phrase, point, box in zip(phrases, replies.point.sigmoid(), replies.box, strict=True):
            pointed.append((point, box, [lesson.box[t].tolist() for t in phrase.targets]))
    return best_least(pointed)


def best_least(pointed: Sequence[tuple[Float[Tensor, "K"], Float[Tensor, "K 6"], Sequence[Sequence[float]]]]) -> float:
    """The same over (score and box of each proxy, true boxes); the middle one of equally good ones, 0.5 where nothing was asked."""
    f1 = [[f1_at([v.box.tolist() for v in merge_votes(point, box, least=least)], true, IOU) for least in TRIED] for point, box, true in pointed]
    if not f1:
        return 0.5
    mean = np.mean(f1, 0)
    best = np.flatnonzero(mean >= mean.max() - 1e-9)
    return TRIED[best[len(best) // 2]]
