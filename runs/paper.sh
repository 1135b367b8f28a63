#!/usr/bin/env bash
# The paper's recipe, top to bottom: rooms, four stages, a reader, its score on rooms nobody trained on.
#
#   QWEN=/models/Qwen2.5-VL-7B-Instruct MASKS=sam2:/models/sam2.1-hiera-large bash runs/paper.sh
#
# Every line may be typed again: rooms are made once, and a training that was killed goes on where it was.
#
# What it takes as it stands: 7.6 billion weights in float32 are 30 GB, and moving all of them takes four times that. The last stage, 318,000
# samples in rooms of 16, is about 8e17 operations: some two months of two processor cores (an estimate), hours of a few GPUs. So lines 2 and
# 3 want GPUs: PROXY3D_DEVICE=cuda before the line, and for eight that hold an eighth of the reader each
# TRAIN="accelerate launch --config_file runs/fsdp.yaml -m proxy3d" (docs/weights.md says what of this has been run). RECIPE=paper_low_rank
# moves 0.5 % of the weights and needs a third of the memory; any causal model of transformers may stand in: MODEL=causal:FOLDER
# SEMANTIC=siglip2:FOLDER. With tiny members it is a minute, and a test types that:
#
#   RECIPE=paper_tiny MODEL=qwen2_5_vl:TINY SEMANTIC=tiny MASKS=tiny PROXIES=24 ACCUMULATE=1 TRAIN_ROOMS=2 LIMIT=1 bash runs/paper.sh
set -euo pipefail

PROXY3D=${PROXY3D:-proxy3d}
TRAIN=${TRAIN:-$PROXY3D}                 # what starts the training of line 2
ROOMS=${ROOMS:-data/rooms}               # 1,000 training rooms take about half an hour of two cores; needs no GPU
TRAIN_ROOMS=${TRAIN_ROOMS:-1000}
OUT=${OUT:-runs/out/paper}
RECIPE=${RECIPE:-paper}
MODEL=${MODEL:-qwen2_5_vl:${QWEN:-Qwen/Qwen2.5-VL-7B-Instruct}}
SEMANTIC=${SEMANTIC:-qwen_vl:${QWEN:-Qwen/Qwen2.5-VL-7B-Instruct}}
MASKS=${MASKS:-sam2:facebook/sam2.1-hiera-large}
PROXIES=${PROXIES:-450}                  # as many as the recipe trains on
ACCUMULATE=${ACCUMULATE:-8}              # 8 rooms of 16 questions are the paper's 128 samples a step
LIMIT=${LIMIT:-120}                      # test rooms

# 1. Furnished rooms with true objects, and questions about them.
[ -d "$ROOMS/train" ] || $PROXY3D data make -o "$ROOMS" --train "$TRAIN_ROOMS"

# 2. Four stages: what a name stands for, where it is, how two lie to each other (true objects in place of proxies); then everything, on
#    proxies, with the language model itself.
$TRAIN train "$RECIPE" --rooms "$ROOMS" -o "$OUT" --semantic "$SEMANTIC" --language-model "$MODEL" --accumulate "$ACCUMULATE"

# 3. The score, through encode and ask as users have them; positions come from depth, because rendered rooms have it.
$PROXY3D evaluate spacespan --rooms "$ROOMS" --preset paper_450 --proxies "$PROXIES" --semantic "$SEMANTIC" --geometric sensor_depth \
  --masks "$MASKS" --language-model "$MODEL" --weights "$OUT/weights.safetensors" --limit "$LIMIT" -o "$OUT/spacespan.json"

# 4. A question about a capture of your own, if there is one.
if [ -n "${CAPTURE:-}" ]; then
  $PROXY3D ask "$CAPTURE" "${QUESTION:-Is there a table?}" --preset paper_450 --proxies "$PROXIES" --semantic "$SEMANTIC" \
    --geometric "${GEOMETRIC:-vggt:facebook/VGGT-1B}" --masks "$MASKS" --language-model "$MODEL" --weights "$OUT/weights.safetensors"
fi
