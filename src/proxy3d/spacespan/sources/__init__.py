"""Question files that other people publish, read into our one record: one function per source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources import (
    chatscene,
    llava,
    mmscan,
    multi3drefer,
    nr3d,
    open_eqa,
    scan2cap,
    scanqa,
    scanrefer,
    spar,
    sqa3d,
    sr3d,
    sr_91k,
    vsi_590k,
    vsi_bench,
)

# Each takes a file or a folder; what it cannot use comes out as Dropped, with the reason.
SOURCES: dict[str, Callable[[Path], Iterator[Record | Dropped]]] = {
    "scanqa": scanqa.read,
    "sqa3d": sqa3d.read,
    "scanrefer": scanrefer.read,
    "multi3drefer": multi3drefer.read,
    "scan2cap": scan2cap.read,
    "nr3d": nr3d.read,
    "sr3d": sr3d.read,
    "vsi_bench": vsi_bench.read,
    "vsi_590k": vsi_590k.read,
    "sr_91k": sr_91k.read,
    "mmscan": mmscan.read,
    "spar": spar.read,
    "open_eqa": open_eqa.read,
    "llava": llava.read,
    "chatscene": chatscene.read,
}
