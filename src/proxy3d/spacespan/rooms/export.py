"""Write a rendered room as a plain 7-Scenes capture, as if a depth camera had recorded it.

The capture that ships as `demo_room/` was made by three lines (the bank is built from two Debian packages when it is missing):

    proxy3d data make -o data/rooms --train 0 --val 0 --test 81 --bank data/bank
    rm -r src/proxy3d/demo_room
    python -m proxy3d.spacespan.rooms.export data/rooms/test/test-000080 src/proxy3d/demo_room data/bank
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from proxy3d.errors import BadInput, command
from proxy3d.spacespan.room import Room


def export_7scenes(room_folder: Path, out: Path, bank: Path | None = None) -> Path:
    """`frame-000000.color.png`, `.depth.png` (16 bit, millimetres, 0 = none) and `.pose.txt` (world_from_camera), and `intrinsics.txt`.

    Nothing of the truth goes along: no boxes, no instance images. The folder appears complete or not at all.

    Args:
        room_folder: a folder made by `proxy3d data make`.
        bank: the furniture bank of the room; with it, an ATTRIBUTION.md names the makers of the models, which must travel with pictures of them.

    Raises:
        BadInput: no room there, a picture is missing, the bank lacks a model, or `out` exists.
    """
    room_folder, out = Path(room_folder), Path(out)
    room = Room.load(room_folder)
    if out.exists():
        raise BadInput(f"{out}: exists already; name a new folder, or remove this one")
    credits = _credits(room, bank) if bank is not None else None
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        for t, pose in enumerate(room.world_from_camera):
            stem = fresh / f"frame-{t:06d}"
            _picture(room_folder / "color" / f"{t:02d}.jpg").convert("RGB").save(f"{stem}.color.png", optimize=True)
            _picture(room_folder / "depth" / f"{t:02d}.png").save(f"{stem}.depth.png", optimize=True)
            np.savetxt(f"{stem}.pose.txt", np.asarray(pose), fmt="%.9g")
        np.savetxt(fresh / "intrinsics.txt", np.asarray(room.intrinsics_px), fmt="%.9g")
        if credits is not None:
            (fresh / "ATTRIBUTION.md").write_text(credits, encoding="utf-8")
        fresh.chmod(0o755)
        os.replace(fresh, out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return out


def _picture(file: Path) -> Image.Image:
    if not file.is_file():
        raise BadInput(f"{file}: no such picture; make the room again with `proxy3d data make`")
    return Image.open(file)


def _credits(room: Room, bank: Path) -> str:
    from proxy3d.spacespan.rooms.bank import attribution, load_bank

    models = {model.name: model for model in load_bank(Path(bank)).models}
    used = sorted({thing.model for thing in room.objects})
    if absent := [name for name in used if name not in models]:
        raise BadInput(f"{bank}: has no model {absent[0]}; expected the bank that room {room.room_id} was made with")
    about = (
        f"A rendered room ({room.room_id}: {len(room.world_from_camera)} frames). Wall and floor textures are computed by proxy3d; "
        "the furniture in the pictures is the work of the people named here."
    )
    return f"# A rendered room\n\n{about}\n\n" + attribution([models[name] for name in used]).replace("# Furniture", "## Furniture", 1)


@command
def main(arguments: list[str]) -> None:
    """`ROOM_FOLDER OUT [BANK]`; exit status as everywhere: 0 done, 2 the input is wrong."""
    if len(arguments) not in (2, 3):
        raise BadInput("expected ROOM_FOLDER OUT [BANK], for example data/rooms/test/test-000080 my_capture data/bank")
    print(export_7scenes(*map(Path, arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
