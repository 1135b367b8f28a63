"""One file per benchmark: those that score a file of predictions, and SpaceSpan, which also runs a model on rendered rooms."""

from __future__ import annotations

from proxy3d.evaluation.benchmarks.mmscan_qa import MMScanQA
from proxy3d.evaluation.benchmarks.mmscan_vg import MMScanVG
from proxy3d.evaluation.benchmarks.multi3drefer import Multi3DRefer
from proxy3d.evaluation.benchmarks.nr3d import Nr3D, Sr3D
from proxy3d.evaluation.benchmarks.open_eqa import OpenEQA
from proxy3d.evaluation.benchmarks.scan2cap import Scan2Cap
from proxy3d.evaluation.benchmarks.scanqa import ScanQA
from proxy3d.evaluation.benchmarks.scanrefer import ScanRefer
from proxy3d.evaluation.benchmarks.spacespan_file import SpaceSpanFile
from proxy3d.evaluation.benchmarks.sqa3d import SQA3D
from proxy3d.evaluation.benchmarks.sqa3d_localisation import SQA3DLocalisation
from proxy3d.evaluation.benchmarks.vsi_bench import VSIBench
from proxy3d.evaluation.scoring import Benchmark

# What `proxy3d score` knows. Of SpaceSpan it scores a file of answers; `proxy3d evaluate` asks a model about the rooms themselves.
BENCHMARKS: dict[str, type[Benchmark]] = {
    "scanqa": ScanQA,
    "sqa3d": SQA3D,
    "sqa3d_localisation": SQA3DLocalisation,
    "scan2cap": Scan2Cap,
    "open_eqa": OpenEQA,
    "mmscan_qa": MMScanQA,
    "mmscan_vg": MMScanVG,
    "scanrefer": ScanRefer,
    "multi3drefer": Multi3DRefer,
    "nr3d": Nr3D,
    "sr3d": Sr3D,
    "vsi_bench": VSIBench,
    "spacespan": SpaceSpanFile,
}
