"""Cases of broken captures: each makes one in a folder, and knows the word that the one line about it must hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy3d.clips import open_capture
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput

CLIP = synthetic_clip(seed=1, frames=3, size_px=(32, 24))[0]


def registry() -> tuple[dict, Callable]:
    """Cases by name, and a decorator that adds one: a function (folder) -> path to open, whose message must hold the word."""
    cases = {}

    def case(word: str, **settings):
        def register(make):
            cases[make.__name__.replace("_", " ")] = (make, word, settings)
            return make

        return register

    return cases, case


def written(writer, folder: Path) -> Path:
    return writer(CLIP, folder)[0]


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def cut(file: Path, share: float = 0.5) -> None:
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])


def gives_one_useful_line(case: tuple, folder: Path) -> None:
    """Opens a broken capture and looks at what is said about it."""
    make, word, settings = case
    with pytest.raises(BadInput) as error:
        open_capture(make(folder), **settings).clip(3)
    message = str(error.value)
    assert "\n" not in message and len(message) < 1200
    assert word in message
