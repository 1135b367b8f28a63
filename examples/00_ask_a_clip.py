"""Encode a capture once, then ask it several questions; the scene file is all that is needed for the next question.

    python examples/00_ask_a_clip.py                  the room that ships with the package
    python examples/00_ask_a_clip.py my_room          a folder of yours (README: which layouts are read)
    python examples/00_ask_a_clip.py --preset tiny    untrained and instant: shows the path, not the answers
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from proxy3d import PRESETS, Pipeline, load, save
from proxy3d.verbs import DEMO_QUESTIONS, DEMO_ROOM


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", nargs="?", default=str(DEMO_ROOM))
    parser.add_argument("--preset", default="laptop", choices=sorted(PRESETS))
    chosen = parser.parse_args(arguments)

    pipeline = Pipeline(PRESETS[chosen.preset])
    scene = pipeline.encode(chosen.capture)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "room.p3d"
        size = save(scene, file, form="int8")
        print(f"{len(scene.proxies)} proxies in {size} bytes, scale from {scene.scale.source}")
        session = pipeline.session(load(file))  # a loaded scene answers without the capture
        for question in DEMO_QUESTIONS:
            answer = session.ask(question)
            print(f"{question}  ->  {answer.text!r}, from proxies {list(answer.proxies)} seen in frames {list(answer.frames)}")


if __name__ == "__main__":
    main()
