#!/usr/bin/env bash
# The environment of every model family that runs through Diffusers but for CogVideoX. FORCE=1 makes it again.
set -euo pipefail
# shellcheck source=setup/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../lib/common.sh"
NEWER=1
make_environment diffusers-models diffusers:WanImageToVideoPipeline diffusers:LTXConditionPipeline \
    diffusers:StableVideoDiffusionPipeline diffusers:HunyuanVideo15ImageToVideoPipeline ftfy:fix_text
