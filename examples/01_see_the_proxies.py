"""Print where the proxies of a capture are and how much each stands for: no language model takes part.

    python examples/01_see_the_proxies.py                 the room that ships with the package
    python examples/01_see_the_proxies.py my_room --proxies 16 --clusterer farthest
"""

from __future__ import annotations

import argparse

from proxy3d import Pipeline
from proxy3d.presets import PRESETS, preset
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.verbs import DEMO_ROOM


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", nargs="?", default=str(DEMO_ROOM))
    parser.add_argument("--preset", default="laptop", choices=sorted(PRESETS))
    parser.add_argument("--proxies", type=int)
    parser.add_argument("--clusterer", choices=sorted(CLUSTERERS))
    chosen = parser.parse_args(arguments)

    settings = preset(chosen.preset, proxies=chosen.proxies, clusterer=chosen.clusterer)
    scene = Pipeline(settings).encode(chosen.capture)
    proxies = scene.proxies
    unit = "m" if scene.scale.is_metric else "units"
    print(f"{'proxy':>5}  {'x':>6} {'y':>6} {'z':>6}   {'size (' + unit + ')':>18}  share  patches")
    for k in proxies.weight.argsort(descending=True).tolist():
        place = " ".join(f"{v:6.2f}" for v in proxies.xyz_world_m[k].tolist())
        size = " x ".join(f"{2 * v:4.2f}" for v in proxies.extent_m[k].tolist())
        print(f"{k:5}  {place}   {size:>18}  {float(proxies.weight[k]):5.1%}  {int(proxies.size[k])}")


if __name__ == "__main__":
    main()
