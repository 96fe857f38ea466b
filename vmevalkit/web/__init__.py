"""The viewer: a local web application to look at videos and scores, compare models, and rate videos."""

from __future__ import annotations

import os
import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmevalkit import defaults
from vmevalkit.errors import UsageError

if TYPE_CHECKING:
    from vmevalkit.web.index import Index


def view(
    questions: Path = defaults.QUESTIONS,
    outputs: Path = defaults.OUTPUTS,
    scores: Path = defaults.SCORES,
    host: str = "127.0.0.1",
    port: int = 8000,
    raters: int = 2,
) -> None:
    """Serve the viewer until it is stopped.

    Args:
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.
        host: address to listen on. Any host other than 127.0.0.1 requires a token: the environment variable
            VMEVALKIT_TOKEN, or a new one. The printed URL contains it.
        port: port to listen on.
        raters: how many people rate each video.

    Raises:
        UsageError: there are no questions, or the viewer's packages are not installed.
    """
    try:
        import uvicorn

        from vmevalkit.store.ratings import Ratings
        from vmevalkit.web.app import create_app
        from vmevalkit.web.guard import LOOPBACK
        from vmevalkit.web.index import Index
    except ModuleNotFoundError as error:
        raise UsageError(f"the viewer needs {error.name}", "install it: pip install 'vmevalkit[view]'") from None
    token = None if host in LOOPBACK else os.environ.get("VMEVALKIT_TOKEN") or secrets.token_urlsafe(16)
    index = Index(Path(questions), Path(outputs), Path(scores))
    print(f"{index.refresh()} samples read", flush=True)
    threading.Thread(target=_keep_fresh, args=(index,), daemon=True).start()
    app = create_app(index, Ratings(Path(outputs)), token, raters)
    print(f"open http://{host}:{port}/" + (f"?token={token}" if token else ""), flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def _keep_fresh(index: Index) -> None:
    """Refresh the index repeatedly, for at most a sixth of the time."""
    from vmevalkit.web.claims import prepare

    while True:
        began = time.monotonic()
        index.refresh()
        prepare(index)
        time.sleep(max(5.0, 5 * (time.monotonic() - began)))
