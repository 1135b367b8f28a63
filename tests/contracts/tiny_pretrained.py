"""Every encoder that takes weights, with a few thousand random ones, saved as transformers saves them: the real path, in milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
WORDS = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 64}
DINO = {"hidden_size": 16, "mlp_ratio": 2, "num_hidden_layers": 4, "num_attention_heads": 2}


def clip() -> nn.Module:
    """The whole model, as it is published: the part for words is left aside."""
    from transformers import CLIPConfig, CLIPModel

    return CLIPModel(CLIPConfig(vision_config=VISION, text_config=WORDS))


def clip_vision() -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    return CLIPVisionModel(CLIPVisionConfig(**VISION))


def siglip() -> nn.Module:
    from transformers import SiglipConfig, SiglipModel

    return SiglipModel(SiglipConfig(vision_config=VISION, text_config=WORDS))


def siglip_naflex() -> nn.Module:
    from transformers import Siglip2Config, Siglip2Model

    sizes = {**VISION, "num_patches": 16}
    del sizes["image_size"]
    return Siglip2Model(Siglip2Config(vision_config=sizes, text_config=WORDS))


def dinov2() -> nn.Module:
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(Dinov2Config(**DINO, image_size=28, patch_size=14))


def dinov2_registers() -> nn.Module:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO, image_size=28, patch_size=14, num_register_tokens=3))


def dinov3() -> nn.Module:
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    return DINOv3ViTModel(DINOv3ViTConfig(**VISION, num_register_tokens=4))


def qwen2_5_vl() -> nn.Module:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    sees = {"depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 14, "window_size": 56}
    sees |= {"fullatt_block_indexes": [1], "out_hidden_size": 24}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=sees, text_config={**WORDS, "num_key_value_heads": 1}))


def qwen3_vl() -> nn.Module:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    sees = {"depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 16, "out_hidden_size": 24}
    sees |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(vision_config=sees, text_config={**WORDS, "num_key_value_heads": 1, "head_dim": 8}))


def depth_anything(kind: str = "relative", furthest: int = 1) -> nn.Module:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    eyes = Dinov2Config(**DINO, image_size=42, patch_size=14, out_indices=[1, 2, 3, 4], reshape_hidden_states=False)
    sizes = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "head_hidden_size": 8}
    return DepthAnythingForDepthEstimation(
        DepthAnythingConfig(backbone_config=eyes, patch_size=14, depth_estimation_type=kind, max_depth=furthest, **sizes)
    )


def depth_anything_metric() -> nn.Module:
    return depth_anything("metric", 8)


def depth_pro(sees_how_wide: bool = True) -> nn.Module:
    from transformers import DepthProConfig, DepthProForDepthEstimation

    eyes = {**DINO, "num_hidden_layers": 2, "image_size": 16, "patch_size": 4, "model_type": "dinov2"}
    sizes = {"fusion_hidden_size": 8, "intermediate_hook_ids": [1, 0], "intermediate_feature_dims": [8, 8], "scaled_images_feature_dims": [8, 8, 8]}
    parts = {f"{part}_model_config": dict(eyes) for part in ("image", "patch", "fov")}
    return DepthProForDepthEstimation(
        DepthProConfig(patch_size=16, merge_padding_value=0, use_fov_model=sees_how_wide, num_fov_head_layers=1, **sizes, **parts)
    )


def depth_pro_narrow() -> nn.Module:
    return depth_pro(sees_how_wide=False)


def zoedepth(heads: int = 1) -> nn.Module:
    from transformers import BeitConfig, ZoeDepthConfig, ZoeDepthForDepthEstimation

    eyes = BeitConfig(
        **{**VISION, "num_hidden_layers": 4, "patch_size": 16},
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    sizes = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "bottleneck_features": 8, "num_relative_features": 8, "bin_embedding_dim": 8}
    bins = [{"name": name, "n_bins": 8, "min_depth": 0.001, "max_depth": 10.0} for name in ("nyu", "kitti")[:heads]]
    chooses = {"num_patch_transformer_layers": 4, "patch_transformer_hidden_size": 128, "patch_transformer_intermediate_size": 8}
    sizes |= {"num_attractors": [4, 2, 2, 1], **chooses, "patch_transformer_num_attention_heads": 2}  # 4 layers of width 128: the class assumes so
    return ZoeDepthForDepthEstimation(ZoeDepthConfig(backbone_config=eyes, bin_configurations=bins, **sizes))


def zoedepth_two_heads() -> nn.Module:
    """For rooms and for streets; the model chooses."""
    return zoedepth(heads=2)


CHECKPOINTS = {  # name of an encoder -> what its weights may be
    "clip": [clip, clip_vision],
    "siglip2": [siglip, siglip_naflex],
    "dinov2": [dinov2, dinov2_registers],
    "dinov3": [dinov3],
    "qwen_vl": [qwen2_5_vl, qwen3_vl],
    "depth_anything": [depth_anything, depth_anything_metric],
    "depth_pro": [depth_pro, depth_pro_narrow],
    "zoedepth": [zoedepth, zoedepth_two_heads],
}
WEIGHTS_OF = {build.__name__: (name, build) for name, builds in CHECKPOINTS.items() for build in builds}
LAST_BIAS = {"head.layers.4.bias": 0.7, "fov_model.head.layers.2.bias": 50.0}  # Depth Pro says 0 = infinitely far, and 0 degrees, otherwise


def save_tiny(build: object, folder: Path, *, seed: int = 0) -> Path:
    """A folder for NAME:FOLDER. The weights mean nothing, but what comes out differs from patch to patch."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build()
        for name, value in model.named_parameters():
            if value.ndim > 1:
                value.normal_(std=value[0].numel() ** -0.5)
            if name in LAST_BIAS:
                value.fill_(LAST_BIAS[name])
            elif name == "head.conv3.bias":  # of Depth Anything
                value.fill_(1.0)
    model.save_pretrained(folder)
    return folder
