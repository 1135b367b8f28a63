"""A plug-in for lmms-eval: `lmms-eval --model proxy3d` finds this model through the entry point group `lmms_eval.models`.

    lmms-eval --model proxy3d --model_args preset=laptop --tasks my_task --include_path my_tasks

A task's visual has to be one capture with depth that `proxy3d encode` reads, as a path; a plain video is refused with what is missing, as everywhere.
The harness has no entry point for tasks: those are folders of YAML that `--include_path` names. Importing this module does not import the harness.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from proxy3d.errors import BadInput
from proxy3d.extras import require

if TYPE_CHECKING:
    from proxy3d.answers.session import Session

NAME, CLASS = "proxy3d", "Proxy3D"


def manifest() -> object:
    """What the harness registers: the model's name and where its class is."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id=NAME, simple_class_path=f"{__name__}.{CLASS}")


def capture_of(visuals: object) -> str:
    """The one path that a task shows. Raises BadInput for pictures in memory, or for none or several paths."""
    shown = visuals if isinstance(visuals, list | tuple) else [visuals]
    if len(shown) != 1 or not isinstance(shown[0], str):
        kinds = ", ".join(type(v).__name__ for v in shown[:3]) or "nothing"
        raise BadInput(f"lmms-eval task: expected one path of a capture with depth, got {kinds}; let doc_to_visual return [path]")
    return shown[0]


@cache
def _model_class() -> type:
    require("lmms_eval", for_what="the plug-in for lmms-eval")
    from lmms_eval.api.model import lmms

    from proxy3d.pipeline import Pipeline
    from proxy3d.presets import preset as named

    class Proxy3D(lmms):
        """Greedy short answers; each capture is encoded once, however many questions ask about it."""

        def __init__(self, preset: str = "laptop", weights: str | None = None, proxies: int | None = None, **_: object):
            super().__init__()
            chosen = named(preset, weights=weights, proxies=None if proxies is None else int(proxies))
            self.pipeline, self.sessions = Pipeline(chosen), {}

        def session(self, capture: str) -> Session:
            """Of the last capture only: tasks ask about one after the other."""
            if capture not in self.sessions:
                self.sessions = {capture: self.pipeline.session(self.pipeline.encode(capture))}
            return self.sessions[capture]

        def generate_until(self, requests: list) -> list[str]:
            """One answer for each request, in their order."""
            found = []
            for request in requests:
                context, _, show, number, task, split = request.args
                capture = capture_of(show(self.task_dict[task][split][number]))
                found.append(self.session(capture).ask(" ".join(context.split())).text)
            return found

        def loglikelihood(self, requests: list) -> list:
            """Raises BadInput: answers are made, not weighed."""
            raise BadInput("proxy3d answers tasks with output_type generate_until only")

        generate_until_multi_round = loglikelihood

    return Proxy3D


def __getattr__(name: str) -> type:
    if name == CLASS:
        return _model_class()
    raise AttributeError(name)
