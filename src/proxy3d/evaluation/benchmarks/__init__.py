"""One file per benchmark: public ones that score a file of predictions, and SpaceSpan, which runs a model on rendered rooms."""

from __future__ import annotations

from proxy3d.evaluation.benchmarks.mmscan_qa import MMScanQA
from proxy3d.evaluation.benchmarks.open_eqa import OpenEQA
from proxy3d.evaluation.benchmarks.scan2cap import Scan2Cap
from proxy3d.evaluation.benchmarks.scanqa import ScanQA
from proxy3d.evaluation.benchmarks.sqa3d import SQA3D
from proxy3d.evaluation.benchmarks.sqa3d_localisation import SQA3DLocalisation
from proxy3d.evaluation.scoring import Benchmark

# What `proxy3d score` knows. SpaceSpan is not here: `proxy3d evaluate` asks a model about its rooms, there is no file to score.
BENCHMARKS: dict[str, type[Benchmark]] = {
    "scanqa": ScanQA,
    "sqa3d": SQA3D,
    "sqa3d_localisation": SQA3DLocalisation,
    "scan2cap": Scan2Cap,
    "open_eqa": OpenEQA,
    "mmscan_qa": MMScanQA,
}
