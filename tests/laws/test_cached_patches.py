"""What was seen of a room is remembered as long as the room is the same."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.training.patches import cached_patches, unseeing


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    cast_data_set(folder, {"train": 1, "val": 1, "test": 1})
    return folder


def test_patches_are_computed_once_and_again_when_the_room_or_their_number_changes(rooms, tmp_path):
    looked = []

    def encoder(clip, grid):
        looked.append(grid)
        return unseeing(clip, grid)

    room = next(f for f in (rooms / "train").iterdir() if f.is_dir())
    first, kept = (cached_patches(room, tmp_path, encoder) for _ in range(2))
    assert len(looked) == 1 and all(torch.equal(getattr(first, f.name), getattr(kept, f.name)) for f in fields(first))
    picture = sorted(room.glob("depth/*"))[0]
    before = picture.read_bytes()
    picture.write_bytes(sorted(room.glob("depth/*"))[1].read_bytes())
    other = cached_patches(room, tmp_path, encoder)
    assert len(looked) == 2 and not torch.equal(other.xyz_room_m, first.xyz_room_m), "made anew under the same name"
    picture.write_bytes(before)
    assert torch.equal(cached_patches(room, tmp_path, encoder).xyz_room_m, first.xyz_room_m) and len(looked) == 3
    assert len(cached_patches(room, tmp_path, encoder, 4).xyz_room_m) < len(first.xyz_room_m) and len(looked) == 4
