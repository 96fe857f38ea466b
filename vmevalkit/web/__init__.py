"""The local web app: look at everything, compare, and rate."""

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
        host: 127.0.0.1 for this machine alone. Any other asks each visitor for a token: the variable
            VMEVALKIT_TOKEN, or a new one, which is printed as part of the address.
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
        raise UsageError(f"the viewer needs {error.name}", "pip install 'vmevalkit[view]'") from None
    token = None if host in LOOPBACK else os.environ.get("VMEVALKIT_TOKEN") or secrets.token_urlsafe(16)
    index = Index(Path(questions), Path(outputs), Path(scores))
    print(f"{index.refresh()} samples read anew", flush=True)
    threading.Thread(target=_keep_fresh, args=(index,), daemon=True).start()
    app = create_app(index, Ratings(Path(outputs)), token, raters)
    print(f"open http://{host}:{port}/" + (f"?token={token}" if token else ""), flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def _keep_fresh(index: Index) -> None:
    """Look again and again for what has changed in the folders, a sixth of the time."""
    from vmevalkit.web.claims import prepare

    while True:
        began = time.monotonic()
        index.refresh()
        prepare(index)
        time.sleep(max(5.0, 5 * (time.monotonic() - began)))
