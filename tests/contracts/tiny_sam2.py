"""SAM 2 with a hundred thousand random weights, saved as transformers saves it: the real path, in a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import torch


def save_tiny_sam2(folder: Path, *, video: bool = False) -> Path:
    """A folder for `--masks sam2:FOLDER`; its masks mean nothing. `video` saves the whole video model, as most published weights are."""
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    hiera = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[64, 64],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    sizes = {
        "vision_config": Sam2VisionConfig(
            backbone_config=hiera,
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
            fpn_hidden_size=32,
        ),
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 64},
        "mask_decoder_config": {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 4, "iou_head_hidden_dim": 16},
    }
    memory = {
        "image_size": 64,
        "memory_attention_hidden_size": 32,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 32,
        "memory_encoder_output_channels": 16,
        "mask_downsampler_embed_dim": 32,
        "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 32,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Sam2VideoModel(Sam2VideoConfig(**sizes, **memory)) if video else Sam2Model(Sam2Config(**sizes))
        with torch.no_grad():  # louder, so that masks have edges, and sure of themselves
            for layers in model.mask_decoder.output_hypernetworks_mlps:
                for name, value in layers.named_parameters():
                    value.mul_(40 if name.endswith("weight") else 1)
            model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(4.0)
    model.save_pretrained(folder)
    return folder
