"""Question sets, experiments and scores on disk. No other package knows paths or file names.

Everything is written atomically. The file that marks something as complete is written last. Nothing here deletes a
user's files.
"""

from vmevalkit.files import (
    dumps,
    glob,
    locked,
    move,
    remove_temporary,
    replacing,
    sha256,
    sha256_or_none,
    temporary_name,
    write_bytes,
    write_text,
)
from vmevalkit.store.paths import MANIFEST, RATINGS, is_name, question_folder, seed_suffix
from vmevalkit.store.questions import (
    PROMPT_LIMIT,
    check_links,
    is_inside_set,
    iter_metadata_files,
    iter_questions,
    prompt_digest,
    question_digest,
    read_prompt,
    read_question,
)
from vmevalkit.store.records import read_record, write_record
from vmevalkit.store.samples import (
    Sample,
    copy_question,
    files_of,
    find_video,
    has_failed,
    is_complete,
    is_user_supplied,
    iter_models,
    read_provenance,
    read_result,
    seeds_of,
)
from vmevalkit.store.scores import details_path, iter_scores, score_file, score_path, write_score

__all__ = [
    "MANIFEST",
    "PROMPT_LIMIT",
    "RATINGS",
    "Sample",
    "check_links",
    "copy_question",
    "details_path",
    "dumps",
    "files_of",
    "find_video",
    "glob",
    "has_failed",
    "is_complete",
    "is_inside_set",
    "is_name",
    "is_user_supplied",
    "iter_metadata_files",
    "iter_models",
    "iter_questions",
    "iter_scores",
    "locked",
    "move",
    "prompt_digest",
    "question_digest",
    "question_folder",
    "read_prompt",
    "read_provenance",
    "read_question",
    "read_record",
    "read_result",
    "remove_temporary",
    "replacing",
    "score_file",
    "score_path",
    "seed_suffix",
    "seeds_of",
    "sha256",
    "sha256_or_none",
    "temporary_name",
    "write_bytes",
    "write_record",
    "write_score",
    "write_text",
]
