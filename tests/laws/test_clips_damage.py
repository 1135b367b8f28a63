"""Whatever happens to the files of a capture, either a Clip comes out or one line that explains why not."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contracts"))
from capture_writers import WRITERS

from proxy3d.clips import open_capture
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput

CLIP = synthetic_clip(seed=1, frames=3, size_px=(32, 24))[0]


def damage(file: Path, other: Path, chance: random.Random) -> str:
    """Do one thing to a file that disks, transfers and editors do."""
    data = bytearray(file.read_bytes())
    kind = chance.choice(("bits", "cut", "gone", "other file", "digits", "empty"))
    if kind == "gone":
        file.unlink()
        return kind
    if kind == "bits":
        for _ in range(chance.choice((1, 3, 30))):
            data[chance.randrange(min(len(data), chance.choice((80, len(data)))))] = chance.randrange(256)
    elif kind == "digits":
        places = [k for k, byte in enumerate(data[:4000]) if byte in b"0123456789"]
        for k in chance.sample(places, min(3, len(places))):
            data[k] = chance.choice(b"0123456789-e.x \n")
    else:
        data = {"cut": data[: chance.randrange(len(data))], "other file": other.read_bytes(), "empty": b""}[kind]
    file.write_bytes(bytes(data))
    return kind


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("layout", WRITERS)
def test_damaged_files_give_a_clip_or_one_line(layout, rounds, tmp_path):
    chance = random.Random(f"{layout} {rounds}")
    refused = 0
    for n in range(rounds):
        (folder := tmp_path / str(n)).mkdir()
        path, settings = WRITERS[layout](CLIP, folder)
        files = sorted(f for f in folder.rglob("*") if f.is_file())
        what = damage(chance.choice(files), chance.choice(files), chance)
        try:
            clip = open_capture(path, **settings).clip(3)
        except BadInput as error:
            refused += 1
            assert "\n" not in str(error), what
        else:
            assert 1 <= len(clip.frame) <= 3, what
    assert refused or rounds < 10  # otherwise nothing was damaged
