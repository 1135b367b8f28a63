"""A plug-in for lmms-eval: `lmms-eval --model proxy3d` finds this model through the entry point group `lmms_eval.models`.

    lmms-eval --include_path "$(python -m proxy3d.evaluation.lmms_eval)" --tasks proxy3d_scanqa --model proxy3d --model_args preset=laptop

A task's visual has to be one capture with depth that `proxy3d encode` reads, as a path; a plain video is refused with what is missing, as everywhere.
The harness has no entry point for tasks: those are folders of YAML that `--include_path` names. Run as a program, this module prints the folder of
ours (`lmms_eval_tasks/`), which any model of the harness can be asked. Importing this module does not import the harness.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxy3d.errors import BadInput
from proxy3d.extras import require

if TYPE_CHECKING:
    from proxy3d.answers.session import Session

NAME, CLASS = "proxy3d", "Proxy3D"
TASKS = Path(__file__).with_name("lmms_eval_tasks")


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


def boxes_as_text(session: Session, phrase: str) -> str:
    """A JSON list of boxes, the surest first: centre and full size in metres and the turn about z in radians.

    Raises:
        BadInput: the capture has no metric scale.
    """
    if not session.scene.scale.is_metric:
        raise BadInput(f"scene {session.scene.clip_id}: the capture has no metric scale, and the task asks for boxes in metres")
    return json.dumps([[*map(float, (*box.centre_m, *box.size_m)), float(box.yaw_rad)] for box in session.ground(phrase)])


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
            """One answer for each request, in their order; boxes where the task's settings for this model say `answer_form: boxes`."""
            found = []
            for request in requests:
                context, settings, show, number, task, split = request.args
                session, asked = self.session(capture_of(show(self.task_dict[task][split][number]))), " ".join(context.split())
                found.append(boxes_as_text(session, asked) if settings.get("answer_form") == "boxes" else session.ask(asked).text)
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


if __name__ == "__main__":
    print(TASKS)
