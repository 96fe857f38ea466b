"""What people say about videos: kept in SQLite beside the outputs, nothing overwritten, and read by the scorer `human`.

A rating belongs to a video as it was (its digest): a video that is made anew is asked about anew. Who changes a rating
adds one; the newest of each rater counts.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sql
from pydantic import Field
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from vmevalkit import store
from vmevalkit.store import Sample
from vmevalkit.types import Name, Record
from vmevalkit.web.database import connect

COMMENT_LIMIT = 2000

Key = tuple[str, str, str, int]


class Base(DeclarativeBase):
    """The tables of ratings."""


class _Row:
    """What the tables of ratings and preferences have in common."""

    number: Mapped[int] = mapped_column(primary_key=True)
    # Made by the page before it sends: the same rating sent twice is one.
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
    # "left", "right", "both" or "neither" solved it better.
    better: Mapped[str]


class _Secret(Base):
    __tablename__ = "secret"

    number: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class _Said(Record):
    """What ratings and preferences have in common: who says it, about which question, in which words."""

    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{8,160}$")]
    rater: Name
    task: Name
    question_id: Name
    seed: int
    comment: Annotated[str, Field(max_length=COMMENT_LIMIT)] = ""
    written: str = ""


class Rating(_Said):
    """What a person says about a video.

    Attributes:
        passed: whether the answer is right, was reached by legal visible steps, and the rest of the scene stayed.
        stars: how good the video is on the whole, 1 to 5.
    """

    model: Name
    video_sha256: str
    passed: bool
    stars: Annotated[int, Field(ge=1, le=5)]

    @property
    def key(self) -> Key:
        return self.model, self.task, self.question_id, self.seed


class Preference(_Said):
    """Which of two videos of one question a person finds better: "left", "right", "both" or "neither"."""

    left: Name
    right: Name
    better: Annotated[str, Field(pattern="^(left|right|both|neither)$")]


class Ratings:
    """The ratings of an experiment. Several processes may write at once.

    Args:
        outputs: folder of the experiment's videos.
    """

    def __init__(self, outputs: Path) -> None:
        self.path = outputs / store.RATINGS
        self._engine = connect(self.path)
        Base.metadata.create_all(self._engine)

    def secret(self) -> bytes:
        """What videos' blind names are made with: the same whenever the viewer is started again."""
        with self._engine.begin() as db:
            made = {"number": 1, "value": secrets.token_bytes(32)}
            db.execute(sqlite.insert(_Secret).values(made).on_conflict_do_nothing())
            return bytes(db.execute(sql.select(_Secret.value)).scalar_one())

    def add(self, said: Rating | Preference) -> None:
        """Keep what somebody said; on the disk when this returns. The same token again changes nothing."""
        table = _Rating if isinstance(said, Rating) else _Preference
        fields = {**said.model_dump(), "written": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        with self._engine.begin() as db:
            db.execute(sqlite.insert(table).values(fields).on_conflict_do_nothing(index_elements=["token"]))

    def current(self, rater: str = "") -> dict[Key, dict[str, Rating]]:
        """The newest rating of each rater, by video; of one rater only, if named."""
        found: defaultdict[Key, dict[str, Rating]] = defaultdict(dict)
        for rating in self.history(rater):
            found[rating.key][rating.rater] = rating
        return dict(found)

    def history(self, rater: str = "", sample: Sample | None = None) -> list[Rating]:
        """All ratings ever written, in their order."""
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
        """The newest of each rater for each pair."""
        statement = sql.select(_Preference).order_by(_Preference.number)
        if rater:
            statement = statement.where(_Preference.rater == rater)
        with Session(self._engine) as session:
            rows = [_read(row, Preference) for row in session.scalars(statement)]
        newest = {(r.rater, r.task, r.question_id, r.seed, *sorted((r.left, r.right))): r for r in rows}
        return list(newest.values())

    def raters(self) -> dict[str, int]:
        """Everybody who rated, with how many videos."""
        counts: defaultdict[str, int] = defaultdict(int)
        for by_rater in self.current().values():
            for rater in by_rater:
                counts[rater] += 1
        return dict(sorted(counts.items()))


def next_for(
    rater: str, videos: Iterable[Key], rated: dict[Key, dict[str, Rating]], each: int, disputed: Sequence[Key] = ()
) -> Key | None:
    """The video that a rater is to see next: in an order of the rater's own, until each has enough ratings.

    Videos that others have begun come first: else, among thousands, raters would hardly ever see the same one, and
    nobody could say how far they agree.

    Args:
        videos: all there are to be rated.
        rated: what has been said so far.
        each: how many raters see each video.
        disputed: videos to be seen first.
    """
    first = set(disputed)
    open_ = [key for key in videos if rater not in rated.get(key, {}) and len(rated.get(key, {})) < each]
    return min(open_, key=lambda key: (key not in first, not rated.get(key), _order(rater, key)), default=None)


def _order(rater: str, key: Key) -> str:
    return hashlib.sha256(repr((rater, key)).encode()).hexdigest()


def _read(row: _Rating | _Preference, kind: type[Rating] | type[Preference]) -> Any:
    return kind(**{name: getattr(row, name) for name in kind.model_fields})
