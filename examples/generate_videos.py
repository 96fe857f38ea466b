"""Generate videos for questions: `vmevalkit generate` with the same options.

Try: python3 examples/generate_videos.py --model cogvideox-5b-i2v --task-id tests_0001 tests_0002
"""

import _kit

if __name__ == "__main__":
    _kit.verb("generate")
