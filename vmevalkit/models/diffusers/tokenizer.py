"""A T5 tokenizer for small CogVideoX checkpoints, trained on the prompts of every task."""

from __future__ import annotations

import io
import json
import random
import re
import string
from collections.abc import Iterable
from pathlib import Path

from vmevalkit.tasks.base import TASKS
from vmevalkit.types import MODES

_VOCABULARY = 1500
# Words that people's own prompts are likely to have, so that these stay within 226 tokens with so small a vocabulary.
_EVERYDAY = """
a about above across after all along an and another any are around arrange as at away back background ball
become before begin behind below between bird black blue board bottom box break bring brown by camera can car
card cat center change child city clear close color come complete corner create cross current dark day
direction do dog door down draw each edge end every exactly eye face fall fast fill final find first five
fixed floor follow forward four frame from front generate give glass go goal green grey grid ground group hand
have head hold house image in inside into is it just keep large last left light line long look make man many
match middle more most move must near next night no not number object of off on once one only open or orange
order other out outline over path people person piece place play point pull purple push put puzzle reach red
remain restore rest right room rotate round rule same scene second see shape should show side simple single
slide slowly small smooth smoothly solution solve space square stack star start static stay step still stop
street table take tall target than that the their them then there they this three through time to together top
toward tree turn two under until up use video view visible walk wall water way what when where which while
white wide will window with without woman world yellow you
"""


def train_tokenizer(folder: Path, tokens: int) -> int:
    """Train a T5 tokenizer on the kit's prompts and save it as T5's own are: a SentencePiece model.

    Args:
        folder: must not be there yet.
        tokens: the longest prompt that the model reads.

    Returns:
        The size of the vocabulary, with T5's hundred extra tokens.
    """
    import sentencepiece

    folder.mkdir()
    texts = [*_prompts(), _EVERYDAY]
    # SentencePiece considers a piece only if it is part of two different words: so each word is there with an end, too.
    words = sorted({word for text in texts for word in re.findall("[A-Za-z]+", text)})
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*texts, *(f"{word}q {word}z" for word in words)]),
        model_writer=model,
        model_type="unigram",
        vocab_size=_VOCABULARY,
        hard_vocab_limit=False,
        required_chars=string.ascii_letters + string.digits + string.punctuation,
        # T5's special tokens and their numbers.
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size()
    special = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    extra = {"additional_special_tokens": [f"<extra_id_{i}>" for i in range(100)]}
    settings = {"tokenizer_class": "T5Tokenizer", "model_max_length": tokens, "extra_ids": 100, "legacy": True}
    for name, content in (
        ("tokenizer_config.json", {**settings, **special, **extra}),
        ("special_tokens_map.json", {**special, **extra}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return int(pieces) + 100


def _prompts() -> Iterable[str]:
    """Prompts of every task, difficulty and mode."""
    for name in TASKS:
        task = TASKS[name]
        for difficulty in range(1, 6):
            for index in range(4):
                rng = random.Random(f"{name} {difficulty} {index}")
                puzzle = task.generate(rng, difficulty)
                yield from task.phrasings(puzzle)
                yield from (task.prompt(puzzle, mode, rng) for mode in MODES)
