"""What a caption keeps to: it says what the boxes say and no more, and neither the order of boxes nor a turned world changes a word."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import permutations

import pytest
import torch

from proxy3d.answers.describe import NOTHING, describe, describe_object, rests_on
from proxy3d.answers.objects import ObjectNamer, find_colours
from proxy3d.answers.parse import LENGTH
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS
from proxy3d.values import Box, Scale

# Seen by one who stands at (0, -3) and looks along y.
FOUND = (
    (Box((-1.0, 1.0, 0.4), (2.0, 0.9, 0.8), label="sofa"), "gray"),
    (Box((1.0, 1.0, 0.38), (1.2, 0.8, 0.76), label="table"), None),
    (Box((1.1, 1.0, 0.96), (0.3, 0.3, 0.4), label="lamp"), "red"),
    (Box((0.2, 1.0, 0.45), (0.5, 0.5, 0.9), label="chair"), "brown"),
    (Box((2.2, 1.0, 0.45), (0.5, 0.5, 0.9), label="chair"), None),
)


@pytest.fixture(scope="module")
def scene():
    made = Pipeline(PRESETS["tiny"]).encode_clip(synthetic_clip(frames=2)[0])
    camera = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, -3], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    return replace(made, world_from_camera=camera.expand(2, 4, 4))


def apart(found):
    boxes, colours = zip(*found, strict=True) if found else ((), ())
    return boxes, colours


def turned(scene, boxes, yaw, shift):
    """The same place in a world that lies otherwise."""
    c, s = math.cos(yaw), math.sin(yaw)
    turn = torch.tensor([[c, -s, 0, shift[0]], [s, c, 0, shift[1]], [0, 0, 1, 0], [0, 0, 0, 1]])
    moved = [
        replace(b, centre_m=(c * b.centre_m[0] - s * b.centre_m[1] + shift[0], s * b.centre_m[0] + c * b.centre_m[1] + shift[1], b.centre_m[2]))
        for b in boxes
    ]
    return replace(scene, world_from_camera=turn @ scene.world_from_camera), [replace(b, yaw_rad=b.yaw_rad + yaw) for b in moved]


def test_a_caption_word_for_word(scene):
    assert describe(scene, *apart(FOUND)) == (
        "A room with a sofa, a table, two chairs and a lamp. The sofa is gray and the lamp is red. The lamp is on the table. "
        "Seen from where the clip starts, the sofa is to the left of the table."
    )
    assert describe_object(scene, *apart(FOUND), 2) == (
        "A red lamp, 0.30 x 0.30 x 0.40 m (length x width x height). Seen from where the clip starts, it is 15 degrees to the right, 4.2 m away. "
        "It is on the table. Nearest to it is the table, 0.6 m from middle to middle."
    )
    assert "A brown chair, 0.50" in describe_object(scene, *apart(FOUND), 3) and "is the table, 0.8 m" in describe_object(scene, *apart(FOUND), 3)


def test_neither_the_order_of_boxes_nor_a_turned_world_changes_a_word(scene):
    whole = describe(scene, *apart(FOUND))
    for order in list(permutations(FOUND))[::7]:
        assert describe(scene, *apart(order)) == whole
    boxes, colours = apart(FOUND)
    for yaw in (0.6, 2.5, -1.4):
        other, moved = turned(scene, boxes, yaw, (3.0, -2.0))
        assert describe(other, moved, colours) == whole
        assert describe_object(other, moved, colours, 2) == describe_object(scene, boxes, colours, 2)


def test_left_becomes_right_in_the_mirror(scene):
    boxes, colours = apart(FOUND)
    mirrored = [replace(b, centre_m=(-b.centre_m[0], *b.centre_m[1:])) for b in boxes]
    assert "the sofa is to the left of the table" in describe(scene, boxes, colours)
    assert "the sofa is to the right of the table" in describe(scene, mirrored, colours)
    assert "15 degrees to the left" in describe_object(scene, mirrored, colours, 2)


def test_without_a_scale_no_length_is_said(scene):
    bare = replace(scene, scale=Scale(1.0, "unknown", 0.5))
    said = [describe(s, *apart(FOUND)) for s in (scene, bare)]
    assert said[0] == said[1] and not LENGTH.search(said[0])
    for number in range(len(FOUND)):
        with_scale, without = (describe_object(s, *apart(FOUND), number) for s in (scene, bare))
        assert LENGTH.search(with_scale) and not LENGTH.search(without)
        assert not re.search(r"\d", re.sub(r"\d+ degrees", "", without)), "no number but angles"


@pytest.mark.parametrize("change", [(0, 0, 0.3), (0, 0, -0.3), (1.0, 0, 0), (0, 0.7, 0)], ids=["floats", "sinks", "beside", "in front"])
def test_what_is_on_what_is_for_the_boxes_to_say(scene, change):
    boxes, colours = apart(FOUND)
    lamp = replace(boxes[2], centre_m=tuple(a + b for a, b in zip(boxes[2].centre_m, change, strict=True)))
    assert rests_on(boxes[2], boxes[1]) and not rests_on(boxes[1], boxes[2]) and not rests_on(lamp, boxes[1])
    moved = (*boxes[:2], lamp, *boxes[3:])
    assert "on the table" not in describe(scene, moved, colours) + describe_object(scene, moved, colours, 2)


def test_a_turned_table_holds_what_is_over_it_and_not_what_is_past_its_edge():
    table = Box((0, 0, 0.4), (2.0, 0.4, 0.8), yaw_rad=math.pi / 4)
    along, across = (Box((x, 0.6, 0.9), (0.1, 0.1, 0.2)) for x in (0.6, -0.6))
    assert rests_on(along, table) and not rests_on(across, table)
    assert not rests_on(Box((0, 0, 0.9), (3.0, 3.0, 0.2)), table), "what is larger than a table is not on it"


def test_pictures_are_not_on_the_sofa_they_hang_over(scene):
    picture = Box((-1.0, 1.0, 1.1), (0.6, 0.05, 0.6), label="picture frame")
    assert rests_on(picture, FOUND[0][0]) and " on " not in describe(scene, (FOUND[0][0], picture), ("gray", "red"))
    assert "red" not in describe(scene, (FOUND[0][0], picture), ("gray", "red")), "a picture has no colour of its own"


def test_things_are_counted_and_named_in_proper_english(scene):
    boxes = [Box((i, 1, 0.5), (0.5, 0.5, 1), label=word) for i, word in enumerate(("shelf", "shelf", "armchair", "curtains", "curtains"))]
    assert describe(scene, boxes, (None,) * 5).startswith("A room with an armchair, curtains and two shelves.")
    books = [Box((1.0 + 0.2 * i, 1.0, 0.8), (0.1, 0.1, 0.08), label="book") for i in (-1, 0, 1)]
    assert "Three books are on the table." in describe(scene, [FOUND[1][0], *books], (None,) * 4)
    assert "It is on the table. Nearest to it is another book" in describe_object(scene, [FOUND[1][0], *books], (None,) * 4, 2)
    many = [Box((0, i, 0.5), (1, 1, 1), label=f"thing{c}") for i, c in enumerate("abcdefghij")]
    text = describe(scene, many, (None,) * 10)
    assert text.startswith("A room with a thinga, ") and " and three other things." in text
    (alone,) = [Box((0, 1, 1), (1, 0.1, 2), label="curtains")]
    assert describe(scene, [alone], ("blue",)) == "A room with curtains. The curtains are blue."
    text = describe_object(scene, [alone], ("blue",), 0)
    assert text.startswith("Blue curtains, 1.00 x 0.10 x 2.00 m") and "they are straight ahead" in text and text.endswith("else was recognised.")


def test_where_not_all_can_be_named_the_surest_are_and_large_things_still_come_first(scene):
    sizes = {"bed": 2.0, "sofa": 1.9, "table": 1.4, "desk": 1.3, "chair": 0.5, "lamp": 0.3, "cup": 0.1, "rug": 3.0}
    found = [Box((k, 1.0, 0.4), (size, size, 0.8), label=word, score=0.35 if word == "rug" else 0.9) for k, (word, size) in enumerate(sizes.items())]
    said = describe(scene, found, [None] * len(found))
    assert said.startswith("A room with a bed, a sofa, a table, a desk, a chair, a lamp, a cup and another thing.")


def test_a_caption_is_short_whatever_is_found(scene):
    heap = [Box((i % 5 - 2.0, i // 5, 0.4), (0.9, 0.9, 0.8), label=f"crate{'abcdefghijklmnopqrstuvwxyz'[i]}") for i in range(15)]
    heap += [Box((i % 5 - 2.0, i // 5, 0.9), (0.2, 0.2, 0.2), label=f"cup{'abcdefghijklmnopqrstuvwxyz'[i]}") for i in range(10)]
    assert describe(scene, heap, ("red",) * 25).count(". ") <= 4


def test_nothing_found_is_said_and_a_wrong_number_is_refused(scene):
    assert describe(scene, (), ()) == NOTHING
    for number in (-1, 5):
        with pytest.raises(BadInput, match=f"--object {number}: .*5 objects, numbered from 0 to 4"):
            describe_object(scene, *apart(FOUND), number)
    with pytest.raises(BadInput, match="has one object, number 0"):
        describe_object(scene, *apart(FOUND[:1]), 1)
    with pytest.raises(BadInput, match="no object that was recognised"):
        describe_object(scene, (), (), 0)


def test_a_first_camera_that_looks_straight_down_knows_no_sides(scene):
    down = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 3], [0, 0, 0, 1]])
    above = replace(scene, world_from_camera=down.expand(2, 4, 4))
    text = describe(above, *apart(FOUND)) + describe_object(above, *apart(FOUND), 0)
    assert "left" not in text and "right" not in text and "ahead" not in text and "m away from where the clip starts" in text


def test_colours_are_named_only_where_the_namer_is_sure(scene):
    namer = ObjectNamer(scene.proxies.feature.shape[1], 16, 1, 2, ("chair",), ("red", "blue"))
    box = (Box((0, 0, 0), (1, 1, 1), label="chair", proxies=(0, 1)),)
    with torch.no_grad():
        namer.colour.weight.zero_()
        for bias, wanted in (((0.0, 0.0, 0.0), None), ((0.2, 9.0, 0.0), "blue"), ((0.0, 0.0, 9.0), None)):
            namer.colour.bias.copy_(torch.tensor(bias))
            assert find_colours(scene, namer, box) == (wanted,)
    assert find_colours(scene, ObjectNamer(scene.proxies.feature.shape[1], 16, 1, 2, ("chair",)), box) == (None,), "weights from before colours"
