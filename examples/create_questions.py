"""Make questions: `vmevalkit make` with the same options.

Try: python3 examples/create_questions.py --task maze --count 10
"""

import _kit

if __name__ == "__main__":
    _kit.verb("make")
