"""What a caption keeps to: every thing once, colours and relations only where they are true, and no length without a scale."""

from __future__ import annotations

import re

import pytest

from proxy3d.answers.describe import NOTHING, Thing, beside, counted, describe_object, describe_scene, support
from proxy3d.errors import BadInput
from proxy3d.values import Box


def seen(name, right, ahead, size, bottom=0.0, colour=None):
    """A thing whose box stands along the first camera's axes."""
    return Thing(Box((right, ahead, bottom + size[2] / 2), size, label=name), right, ahead, bottom, bottom + size[2], colour)


TABLE = seen("table", 1.0, 3.0, (1.6, 0.8, 0.75), colour="brown")
SOFA = seen("sofa", -1.5, 3.0, (2.0, 0.9, 0.8), colour="gray")
LAMP = seen("lamp", 1.2, 3.1, (0.2, 0.2, 0.4), bottom=0.78)
CHAIRS = (seen("chair", 0.0, 2.0, (0.5, 0.5, 0.9)), seen("chair", 0.0, 4.0, (0.5, 0.5, 0.9), colour="red"))


def test_a_room_in_a_few_sentences():
    assert describe_scene((LAMP, TABLE, *CHAIRS, SOFA)) == (
        "A room with two chairs, a lamp, a sofa and a table. The sofa is gray. The table is brown. The lamp is on the table. "
        "Seen from where the clip starts, the sofa is to the left of the table."
    )


def test_the_order_in_which_things_were_recognised_does_not_matter():
    assert describe_scene((TABLE, SOFA, *CHAIRS, LAMP)) == describe_scene((SOFA, *CHAIRS[::-1], LAMP, TABLE))


def test_nothing_is_said_of_nothing():
    assert describe_scene(()) == NOTHING


@pytest.mark.parametrize("lamp", [seen("lamp", 1.2, 3.1, (0.2, 0.2, 0.4), bottom=1.6), seen("lamp", 3.2, 3.1, (0.2, 0.2, 0.4), bottom=0.78)])
def test_what_hangs_above_or_stands_beside_is_not_on_it(lamp):
    assert support(LAMP, (TABLE,)) is TABLE and support(lamp, (TABLE,)) is None and support(TABLE, (LAMP,)) is None


def test_sides_are_those_of_the_first_camera_and_turn_round():
    assert beside(SOFA, TABLE) == "left" and beside(TABLE, SOFA) == "right"
    assert beside(TABLE, seen("bed", 2.0, 6.0, (2.0, 1.6, 0.5))) is None, "one behind the other"
    assert beside(TABLE, seen("bed", 2.0, -1.0, (2.0, 1.6, 0.5))) is None, "behind the camera"


def test_one_thing_with_its_size_its_place_and_what_is_nearest():
    things = (TABLE, LAMP, SOFA)
    assert describe_object(things, 1, metric=True) == (
        "Object 1 is a lamp, 0.2 x 0.2 x 0.4 m (length x width x height). It is 3.1 m ahead of the first camera and 1.2 m to the right. "
        "It is on the table. The table is nearest to it, 0.6 m away."
    )
    assert describe_object(things, 0, metric=True).startswith("Object 0 is a brown table, 1.6 x 0.8 x 0.8 m")


def test_without_a_scale_no_length_is_said():
    for text in (describe_scene((TABLE, LAMP, SOFA)), *(describe_object((TABLE, LAMP, SOFA), i, metric=False) for i in range(3))):
        assert not re.search(r"\d\.\d|\bm\b", text)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_number_that_no_object_has(number):
    with pytest.raises(BadInput, match="known: 0 to 2"):
        describe_object((TABLE, LAMP, SOFA), number, metric=True)


@pytest.mark.parametrize(
    "name, n, words",
    [("lamp", 1, "a lamp"), ("shelf", 2, "two shelves"), ("curtains", 1, "some curtains"), ("food", 3, "some food"), ("box", 12, "12 boxes")],
)
def test_english(name, n, words):
    assert counted(name, n) == words
