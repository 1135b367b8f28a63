"""The benchmarks that pages quote still run against today's code: one round each, figures for every part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.weights]


@pytest.mark.parametrize(("script", "keys"), [("stages", {"machine", "date"}), ("growth", {"frames", "questions", "settings"})])
def test_one_round_ends_in_a_result(script, keys, tmp_path):
    out = tmp_path / "out.json"
    done = subprocess.run([sys.executable, f"speed/{script}.py", "--rounds", "1", "-o", str(out)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-500:]
    assert keys <= json.loads(out.read_text()).keys()
