"""Ratings by people, in an SQLite database beside the videos of an experiment.

Nothing is overwritten: a rater who changes a rating adds one, and the newest of each rater counts. A rating belongs to
the digest of a video, so a video that is made again must be rated again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sql
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from vmevalkit.store.database import connect
from vmevalkit.store.experiment import Key
from vmevalkit.store.paths import RATINGS, is_name
from vmevalkit.store.samples import Sample
from vmevalkit.types import Name, Record, Seed

COMMENT_LIMIT = 2000
RATER_LIMIT = 80


def _checked_rater(name: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name or not name.isprintable():
        raise ValueError("a name consists of letters, digits, spaces and other visible characters")
    return name


Rater = Annotated[str, Field(max_length=RATER_LIMIT), AfterValidator(_checked_rater)]
"""Name of a rater: any letters, with single spaces between words."""


class Base(DeclarativeBase):
    """The tables of ratings."""


class _Row:
    """Columns that ratings and preferences share."""

    number: Mapped[int] = mapped_column(primary_key=True)
    # Chosen by the page, so that a rating that is sent twice counts once.
    token: Mapped[str] = mapped_column(unique=True)
    rater: Mapped[str] = mapped_column(index=True)
    task: Mapped[str]
    question_id: Mapped[str]
    seed: Mapped[int]
    comment: Mapped[str]
    written: Mapped[str]


class _Rating(_Row, Base):
    __tablename__ = "ratings"

    model: Mapped[str]
    video_sha256: Mapped[str]
    passed: Mapped[bool]
    stars: Mapped[int]

    __table_args__ = (sql.Index("by_sample", "model", "task", "question_id", "seed"),)


class _Preference(_Row, Base):
    __tablename__ = "preferences"

    left: Mapped[str]
    right: Mapped[str]
    # Which one solved it better: "left", "right", "both" or "neither".
    better: Mapped[str]


class _Secret(Base):
    __tablename__ = "secret"

    number: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class _Entry(Record):
    """Fields that ratings and preferences share: the rater, the question, and a comment."""

    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{8,160}$")]
    rater: Rater
    task: Name
    question_id: Name
    seed: Seed
    comment: Annotated[str, Field(max_length=COMMENT_LIMIT)] = ""
    written: str = ""


class Rating(_Entry):
    """A rating of one video.

    Attributes:
        passed: whether the answer is right, was reached by legal visible steps, and the rest of the scene stayed.
        stars: overall quality of the video, from 1 to 5.
    """

    model: Name
    video_sha256: str
    passed: bool
    stars: Annotated[int, Field(ge=1, le=5)]

    @property
    def key(self) -> Key:
        """Model, task, question and seed of the video."""
        return self.model, self.task, self.question_id, self.seed


class Preference(_Entry):
    """Which of two videos of one question is better: "left", "right", "both" or "neither"."""

    left: Name
    right: Name
    better: Annotated[str, Field(pattern="^(left|right|both|neither)$")]


def rater_name(text: str) -> str | None:
    """Return the name of a rater as it is stored; None if the text cannot be one."""
    try:
        return TypeAdapter(Rater).validate_python(text)
    except ValidationError:
        return None


def rater_code(rater: str) -> str:
    """Return the name of a rater's files: the rater's own if files can have it, else one with a digest."""
    if is_name(rater):
        return rater
    letters = unicodedata.normalize("NFKD", rater).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")[:40] or "rater"
    return f"{plain}-{hashlib.sha256(rater.encode()).hexdigest()[:8]}"


class Ratings:
    """The ratings of an experiment. Several processes may write at once.

    Args:
        outputs: folder of the experiment's videos.

    Raises:
        StorageError: the folder cannot be written, or the database is damaged.
    """

    def __init__(self, outputs: Path) -> None:
        self.path = outputs / RATINGS
        self._engine = connect(self.path, Base.metadata)

    def secret(self) -> bytes:
        """Return the secret from which the blind names of videos are made. It does not change between runs."""
        with self._engine.begin() as db:
            made = {"number": 1, "value": secrets.token_bytes(32)}
            db.execute(sqlite.insert(_Secret).values(made).on_conflict_do_nothing())
            return bytes(db.execute(sql.select(_Secret.value)).scalar_one())

    def add(self, entry: Rating | Preference) -> None:
        """Store an entry; it is on the disk when this returns. An entry with a known token changes nothing."""
        table = _Rating if isinstance(entry, Rating) else _Preference
        fields = {**entry.model_dump(), "written": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        with self._engine.begin() as db:
            db.execute(sqlite.insert(table).values(fields).on_conflict_do_nothing(index_elements=["token"]))

    def current(self) -> dict[Key, dict[str, Rating]]:
        """Return the newest rating of each rater, by video."""
        found: defaultdict[Key, dict[str, Rating]] = defaultdict(dict)
        for rating in self.history():
            found[rating.key][rating.rater] = rating
        return dict(found)

    def history(self, rater: str = "", sample: Sample | None = None) -> list[Rating]:
        """Return all ratings in the order in which they were written."""
        statement = sql.select(_Rating).order_by(_Rating.number)
        if rater:
            statement = statement.where(_Rating.rater == rater)
        if sample is not None:
            statement = statement.where(
                _Rating.model == sample.model, _Rating.task == sample.task,
                _Rating.question_id == sample.question_id, _Rating.seed == sample.seed,
            )  # fmt: skip
        with Session(self._engine) as session:
            return [_read(row, Rating) for row in session.scalars(statement)]

    def preferences(self, rater: str = "") -> list[Preference]:
        """Return the newest preference of each rater for each pair of videos."""
        statement = sql.select(_Preference).order_by(_Preference.number)
        if rater:
            statement = statement.where(_Preference.rater == rater)
        with Session(self._engine) as session:
            rows = [_read(row, Preference) for row in session.scalars(statement)]
        newest = {(r.rater, r.task, r.question_id, r.seed, *sorted((r.left, r.right))): r for r in rows}
        return list(newest.values())

    def raters(self) -> dict[str, int]:
        """Return all raters, and the number of videos that each has rated."""
        counts: defaultdict[str, int] = defaultdict(int)
        for by_rater in self.current().values():
            for rater in by_rater:
                counts[rater] += 1
        return dict(sorted(counts.items()))


def next_for(
    rater: str, videos: Iterable[Key], rated: dict[Key, dict[str, Rating]], each: int, disputed: Sequence[Key] = ()
) -> Key | None:
    """Return the video that a rater sees next; None if there is none left.

    Each rater has an order of their own. Videos that others have rated come first: otherwise, among thousands, raters
    would hardly ever see the same one, and their agreement could not be measured.

    Args:
        rater: name of the rater.
        videos: the videos to be rated.
        rated: the ratings so far.
        each: how many raters see each video.
        disputed: videos that come first.
    """
    first = set(disputed)
    open_ = [key for key in videos if rater not in rated.get(key, {}) and len(rated.get(key, {})) < each]
    return min(open_, key=lambda key: (key not in first, not rated.get(key), _order(rater, key)), default=None)


def _order(rater: str, key: Key) -> str:
    return hashlib.sha256(repr((rater, key)).encode()).hexdigest()


def _read(row: _Rating | _Preference, kind: type[Rating] | type[Preference]) -> Any:
    return kind(**{name: getattr(row, name) for name in kind.model_fields})
