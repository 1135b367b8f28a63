"""What `make demo` and `make test` cost on a machine that has nothing: download and time, measured in a fresh clone.

    python3 speed/fresh_clone.py -o results/fresh_clone.json

Needs git, make and Python only. Committed files alone are cloned. The download is what pip's own log says it fetched, including wheels that
it found in a local folder, with an empty cache. Takes two environments' time; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FETCHED = re.compile(r"\bDownloading .*\((?P<number>[\d.]+) (?P<unit>bytes|[kMG]B)\)")
LOCAL = re.compile(r"\bProcessing (?P<file>/\S+\.(?:whl|tar\.gz))")
BYTES = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def fetched_mb(log: Path) -> float:
    """Megabytes of all wheels that a pip log speaks of, whether they came over the network or from a folder beside it."""
    total = 0.0
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []:
        if found := FETCHED.search(line):
            total += float(found["number"]) * BYTES[found["unit"]]
        elif (found := LOCAL.search(line)) and Path(found["file"]).is_file():
            total += Path(found["file"]).stat().st_size
    return round(total / 1e6, 1)


def measure(command: str, where: Path, name: str) -> dict:
    """A make command in a clone of its own, twice.

    Raises:
        SystemExit: the command failed; its output is above.
    """
    clone, log = where / name, where / f"{name}.log"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    settings = {**os.environ, "PIP_CACHE_DIR": str(where / f"{name}-cache"), "PIP_LOG": str(log)}
    settings = {k: v for k, v in settings.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        if subprocess.run(command.split(), cwd=clone, env=settings, stdin=subprocess.DEVNULL).returncode:
            sys.exit(f"`{command}` failed in a fresh clone")
        seconds.append(round(time.perf_counter() - started, 1))
    return {"download_mb": fetched_mb(log), "first_s": seconds[0], "again_s": seconds[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", required=True, help="JSON file to write")
    parser.add_argument("--only", choices=("demo", "test"), help="one command; the other's figures in the file are kept")
    parser.add_argument("--machine", default=f"{platform.machine()}, {os.cpu_count()} cores, no GPU", help="words for the table")
    chosen = parser.parse_args()
    out = Path(chosen.out)
    before = json.loads(out.read_text()) if chosen.only and out.is_file() else {}
    commands = dict(before.get("commands", {}))
    with tempfile.TemporaryDirectory() as folder:
        for name in [chosen.only] if chosen.only else ["demo", "test"]:
            commands[f"make {name}"] = measure(f"make {name}", Path(folder), name)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    today = datetime.date.today().isoformat()
    facts = {"machine": chosen.machine, "python": platform.python_version(), "date": today, "commit": commit, "commands": commands}
    out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
