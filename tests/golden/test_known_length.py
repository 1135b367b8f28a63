"""Somebody who knows how tall one thing is sets a scale that was wrong right, for everything else too."""

from __future__ import annotations

import pytest

from proxy3d.answers.measure import height_of
from proxy3d.answers.objects import find_objects
from proxy3d.clips import KnownHeight, open_capture
from proxy3d.known_height import ROUNDS, scale_by
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS
from proxy3d.values import Scale
from proxy3d.verbs import DEMO_ROOM

pytestmark = pytest.mark.weights


@pytest.mark.parametrize("wrong", [0.7, 1.4])
def test_one_known_height_puts_a_wrong_scale_right(wrong):
    pipeline = Pipeline(PRESETS["laptop"])
    clip, namer = open_capture(DEMO_ROOM).clip(8), pipeline.weights.namer

    def of_door(scene):
        return height_of(scene, find_objects(scene, namer), "door", namer.categories)

    true, guessed = of_door(pipeline.encode_clip(clip)), pipeline.encode_clip(clip, scale=Scale(wrong, "metric_predictor", 0.2))
    assert true == pytest.approx(2.0, rel=0.1)
    for _ in range(ROUNDS):
        scale = scale_by(KnownHeight("door", true), guessed, pipeline.weights)
        guessed = pipeline.encode_clip(clip, scale=scale)
    assert scale.source == "known_length" and abs(scale.metres_per_unit - 1) < abs(wrong - 1) / 2
    assert of_door(guessed) == pytest.approx(true, rel=0.15)
