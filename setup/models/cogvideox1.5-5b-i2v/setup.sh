#!/usr/bin/env bash
# The environment of cogvideox1.5-5b-i2v. FORCE=1 makes it again.
set -euo pipefail
# shellcheck source=setup/lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../lib/common.sh"
make_environment cogvideox1.5-5b-i2v diffusers:CogVideoXImageToVideoPipeline transformers:T5EncoderModel
