"""Answer questions about a 3D scene from a handful of proxy tokens.

>>> from proxy3d import Pipeline, PRESETS                                   # doctest: +SKIP
>>> pipeline = Pipeline(PRESETS["laptop"])                                  # doctest: +SKIP
>>> scene = pipeline.encode("my_room")                                      # doctest: +SKIP
>>> pipeline.session(scene).ask("Is the cup on the table?").text            # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Imported when first used: torch alone takes two seconds, and `proxy3d --help` needs none of it.
_WHERE = {
    **dict.fromkeys(("Answer", "Box", "Clip", "Points", "Proxies", "Scale", "Scene"), "values"),
    **dict.fromkeys(("ask", "demo", "describe", "encode", "ground", "measure", "view"), "verbs"),
    "BadInput": "errors",
    "PRESETS": "presets",
    "Pipeline": "pipeline",
    "Preset": "presets",
    "Weights": "weights",
    "load": "scene_file",
    "save": "scene_file",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"proxy3d.{_WHERE[name]}"), name)
    raise AttributeError(f"proxy3d has no {name!r}; it has {', '.join(__all__)}")
