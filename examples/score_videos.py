"""Score every video: `vmevalkit score` with the same options.

Try: python3 examples/score_videos.py --model cogvideox-5b-i2v
"""

import _kit

if __name__ == "__main__":
    _kit.verb("score")
