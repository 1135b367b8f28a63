"""Object masks by SAM 2 as transformers has it: a grid of points asks each frame for everything in it, and space joins the frames."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.grid import Grid
from proxy3d.features.masks.merge import across_frames
from proxy3d.features.picture import IMAGENET, shown
from proxy3d.features.pretrained import Wanted, load_pretrained, weights_hash
from proxy3d.values import Clip, Masks

STABLE_WITHIN = 1.0  # logits by which the threshold of a mask is moved to see whether the mask moves with it


@dataclass(frozen=True)
class Sam2Masks:
    """SAM 2 (Ravi et al. 2024, arXiv 2408.00714), image part, with the defaults of its own mask generator but fewer points.

    `weights` is a folder that transformers can load (config.json and model.safetensors), or a name on its hub; what is on this
    machine is taken first. Weights of the video model serve too, but its memory is not used: it follows objects through a video in
    which little happens between frames, one object at a time and from a first frame on, whereas a clip has few frames, far apart,
    in any order. Depth says better which masks are one object (`merge.across_frames`).
    """

    weights: str
    points_per_side: int = 16  # of the grid of prompts
    points_at_once: int = 16  # more take more memory (64: 3 GB) and on a CPU are not faster
    least_quality: float = 0.8  # IoU that the model expects its own mask to have
    least_stability: float = 0.95
    most_overlap: float = 0.7  # IoU from which on the worse of two masks is dropped
    least_iou: float = 0.4  # of two masks of different frames that are one object

    licence = "Apache-2.0, code and published weights"
    takes_weights = True
    kinds = {"sam2": "Sam2Model", "sam2_video": "Sam2Model"}
    example = "facebook/sam2.1-hiera-tiny"

    @cached_property
    def model(self) -> nn.Module:
        """The image model, frozen.

        Raises:
            BadInput: transformers or the weights are missing, or they are weights of something else.
        """
        return load_pretrained(Wanted("--masks sam2", "the mask source sam2", "SAM 2", self.example, self.kinds), self.weights)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Masks:
        """Labels (T, h, w), one number per object across frames; -1 where no mask is the largest thing in a patch.

        Raises:
            BadInput: no weights, or a clip without depth, poses or intrinsics.
        """
        geometry = SensorDepth()(clip, grid)  # says what is missing before minutes are spent on masks
        label = []
        for number, picture in enumerate(clip.frame, start=1):
            label.append(patch_labels(self.masks_of(picture), grid))
            if sys.stderr.isatty():  # on a CPU a frame may take a minute
                print(f"masks of frame {number}/{len(clip.frame)}", file=sys.stderr, flush=True)
        return Masks(across_frames(torch.stack(label), clip, geometry, least_iou=self.least_iou))

    def masks_of(self, picture: Float[Tensor, "3 H W"]) -> Bool[Tensor, "M a b"]:
        """All masks of one frame at the model's own, square resolution, best first; the whole picture is stretched to a square."""
        side = self.model.config.prompt_encoder_config.image_size
        embedded = self.model.get_image_embeddings(shown(picture[None], side, side, IMAGENET).to(self.model.device))
        step = (torch.arange(self.points_per_side) + 0.5) * side / self.points_per_side
        kept = [self._asked(embedded, points) for points in torch.cartesian_prod(step, step).split(self.points_at_once)]
        mask, quality = (torch.cat(column) for column in zip(*kept, strict=True))
        return distinct(mask[quality.argsort(descending=True, stable=True)], self.most_overlap)

    def _asked(self, embedded: list[Tensor], points: Float[Tensor, "P 2"]) -> tuple[Bool[Tensor, "n a b"], Float[Tensor, "n"]]:
        """Masks at some points that are good and stable enough, up to three a point, and the quality of each."""
        label = torch.ones(1, len(points), 1, dtype=torch.int)
        said = self.model(image_embeddings=embedded, input_points=points[None, :, None], input_labels=label, multimask_output=True)
        logit, quality = said.pred_masks[0].flatten(0, 1).cpu(), said.iou_scores[0].flatten().cpu()
        good = (quality >= self.least_quality) & (stability(logit) >= self.least_stability)
        return logit[good] > 0, quality[good]


def stability(logit: Float[Tensor, "n a b"]) -> Float[Tensor, "n"]:
    """IoU of the masks at a higher and a lower threshold; 0 for a mask that is nowhere."""
    inner, outer = ((logit > shift).flatten(1).sum(1) for shift in (STABLE_WITHIN, -STABLE_WITHIN))
    return inner / outer.clamp_min(1)


def distinct(mask: Bool[Tensor, "n a b"], most_overlap: float) -> Bool[Tensor, "M a b"]:
    """Non-maximum suppression: of masks that are nearly the same only the first is kept."""
    flat = mask.flatten(1).float()
    both, size = flat @ flat.T, flat.sum(1)
    same = both > most_overlap * (size[:, None] + size[None] - both)
    kept: list[int] = []
    for i in range(len(mask)):
        if not bool(same[i, kept].any()):
            kept.append(i)
    return mask[kept]


def patch_labels(mask: Bool[Tensor, "M a b"], grid: Grid) -> Int[Tensor, "h w"]:
    """The mask with the largest area in each patch, the first of equal ones (method.md 3.1); -1 where more of the patch is in none."""
    none = ~mask.any(0, keepdim=True)
    area = F.adaptive_avg_pool2d(torch.cat([mask, none]).float()[None], (grid.h, grid.w))[0]
    label = area.argmax(0)
    return torch.where(label == len(mask), -1, label)
