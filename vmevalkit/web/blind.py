"""Names of videos that do not reveal the model, for ratings."""

from __future__ import annotations

import hashlib
import hmac

import sqlalchemy as sql

from vmevalkit import store
from vmevalkit.store.experiment import Key
from vmevalkit.web.index import Index
from vmevalkit.web.tables import samples


class BlindNames:
    """Blind names of the videos of an experiment.

    Args:
        index: the index of the experiment.
        secret: the key from which names are made. The same key gives the same names.
    """

    def __init__(self, index: Index, secret: bytes) -> None:
        self._index, self._secret = index, secret
        self._keys: dict[str, Key] = {}
        self._revision = -1

    def name(self, key: Key) -> str:
        """Return the blind name of a sample."""
        return hmac.new(self._secret, repr(key).encode(), hashlib.sha256).hexdigest()[:24]

    def videos(self) -> list[Key]:
        """Return all videos by models; those of baselines are not rated."""
        revision = self._index.revision
        if revision != self._revision:
            c = samples.c
            rows = self._index.rows(
                sql.select(c.model, c.task, c.question_id, c.seed).where(c.has_video, sql.not_(c.baseline))
            )
            keys = [(row.model, row.task, row.question_id, row.seed) for row in rows]
            self._keys, self._revision = {self.name(key): key for key in keys}, revision
        return list(self._keys.values())

    def key(self, name: str) -> Key | None:
        """Return the sample with a blind name; None if there is none."""
        self.videos()
        return self._keys.get(name)

    def sample(self, name: str) -> store.Sample | None:
        """Return the paths of the sample with a blind name; None if there is none."""
        key = self.key(name)
        return self.sample_of(key) if key else None

    def sample_of(self, key: Key) -> store.Sample:
        """Return the paths of a sample."""
        model, task, question_id, seed = key
        return store.Sample(outputs=self._index.outputs, model=model, task=task, question_id=question_id, seed=seed)
