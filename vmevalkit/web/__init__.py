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
    from vmevalkit.web.experiments import Experiments
    from vmevalkit.web.index import Index

log = logging.getLogger(__name__)


def view(
    questions: Path = defaults.QUESTIONS,
    outputs: Path = defaults.OUTPUTS,
    scores: Path = defaults.SCORES,
    host: str = "127.0.0.1",
    port: int = 8000,
    raters: int = 2,
    folder: Path | None = None,
    bundle: Path | None = None,
) -> None:
    """Serve the viewer until it is stopped, or write a static copy of it.

    Args:
        questions, outputs, scores: folders of the question set, the experiment's videos and its scores.
        host: address to listen on. Any host other than 127.0.0.1 requires a token: the environment variable
            VMEVALKIT_TOKEN, or a new one. The printed URL contains it.
        port: port to listen on.
        raters: how many people rate each video.
        folder: show every experiment found below this folder, in place of the one of the folders above.
        bundle: write the pages and all that they show into this folder, to host them without a server, and return.

    Raises:
        UsageError: there are no questions, the address cannot be used, the folder of the copy holds something else, or
            the viewer's packages are not installed.
        StorageError: the ratings are damaged.
    """
    try:
        import uvicorn

        from vmevalkit.web.app import create_app
        from vmevalkit.web.connections import TimedProtocol
        from vmevalkit.web.experiments import Experiments
        from vmevalkit.web.folder import create_folder_app
        from vmevalkit.web.guard import listen, required_token
        from vmevalkit.web.opening import open_index, open_ratings
    except ModuleNotFoundError as error:
        raise UsageError(f"the viewer needs {error.name}", "install it: pip install 'vmevalkit[view]'") from None
    if bundle is not None:
        _write_bundle(Path(bundle), folder, Path(questions), Path(outputs), Path(scores))
        return
    shown: Index | Experiments
    if folder is None:
        store.iter_questions(Path(questions))
        listener = listen(host, port)
        shown = open_index(Path(questions), Path(outputs), Path(scores))
        ratings, problem = open_ratings(Path(outputs))
        app = create_app(shown, ratings, token := required_token(host), raters, rating_problem=problem)
    else:
        listener = listen(host, port)
        shown = Experiments(Path(folder), raters)
        app = create_folder_app(shown, token := required_token(host))
    print(f"{shown.refresh()} samples read", flush=True)
    threading.Thread(target=_keep_fresh, args=(shown,), daemon=True).start()
    print(f"open http://{host}:{port}/" + (f"?token={token}" if token else ""), flush=True)
    config = uvicorn.Config(app, http=TimedProtocol, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _write_bundle(target: Path, folder: Path | None, questions: Path, outputs: Path, scores: Path) -> None:
    """Write a static copy of the viewer."""
    from vmevalkit.web.app import create_app
    from vmevalkit.web.bundle import Bundle
    from vmevalkit.web.experiments import Experiments
    from vmevalkit.web.filters import SampleFilter
    from vmevalkit.web.folder import create_folder_app
    from vmevalkit.web.opening import open_index, open_ratings

    if folder is None:
        store.iter_questions(questions)
        index = open_index(questions, outputs, scores)
        index.refresh()
        indices = [index]
        app = create_app(index, *open_ratings(outputs)[:1], guarded=False, bundled=True)
    else:
        experiments = Experiments(Path(folder), bundled=True)
        experiments.refresh()
        indices = [experiment.index for experiment in experiments]
        app = create_folder_app(experiments)
    total = sum(index.count(SampleFilter()) for index in indices)
    missing = Bundle(app, target).write(total)
    if missing:
        log.warning("%d images and pages could not be made, such as %s", len(missing), missing[0])
    print(f"open {target / 'index.html'}")


def _keep_fresh(shown: Index | Experiments) -> None:
    """Refresh what is shown repeatedly, for at most a sixth of the time."""
    from vmevalkit.web.claims import prepare
    from vmevalkit.web.index import Index

    while True:
        began = time.monotonic()
        try:
            shown.refresh()
            for index in [shown] if isinstance(shown, Index) else [found.index for found in shown]:
                prepare(index)
        except VMEvalError as error:
            log.warning("the pages show the state before: %s", error)
        except Exception:
            # The next refresh may work; without this thread, pages would show old numbers for ever.
            log.exception("the index was not refreshed")
        time.sleep(max(5.0, 5 * (time.monotonic() - began)))
