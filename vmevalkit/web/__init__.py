"""The viewer: a local web application to look at videos and scores, compare models, and rate videos."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmevalkit import defaults, store
from vmevalkit.errors import UsageError, VMEvalError

if TYPE_CHECKING:
    from vmevalkit.web.index import Index

log = logging.getLogger(__name__)


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
        UsageError: there are no questions, the address cannot be used, or the viewer's packages are not installed.
        StorageError: the folders of outputs and scores cannot be written.
    """
    try:
        import uvicorn

        from vmevalkit.store.ratings import Ratings
        from vmevalkit.web.app import create_app
        from vmevalkit.web.connections import TimedProtocol
        from vmevalkit.web.guard import listen, required_token
        from vmevalkit.web.index import Index
    except ModuleNotFoundError as error:
        raise UsageError(f"the viewer needs {error.name}", "install it: pip install 'vmevalkit[view]'") from None
    store.iter_questions(Path(questions))
    listener = listen(host, port)
    token = required_token(host)
    index = Index(Path(questions), Path(outputs), Path(scores))
    print(f"{index.refresh()} samples read", flush=True)
    threading.Thread(target=_keep_fresh, args=(index,), daemon=True).start()
    app = create_app(index, Ratings(Path(outputs)), token, raters)
    print(f"open http://{host}:{port}/" + (f"?token={token}" if token else ""), flush=True)
    config = uvicorn.Config(app, http=TimedProtocol, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _keep_fresh(index: Index) -> None:
    """Refresh the index repeatedly, for at most a sixth of the time."""
    from vmevalkit.web.claims import prepare

    while True:
        began = time.monotonic()
        try:
            index.refresh()
            prepare(index)
        except VMEvalError as error:
            log.warning("the pages show the state before: %s", error)
        except Exception:
            # The next refresh may work; without this thread, pages would show old numbers for ever.
            log.exception("the index was not refreshed")
        time.sleep(max(5.0, 5 * (time.monotonic() - began)))
