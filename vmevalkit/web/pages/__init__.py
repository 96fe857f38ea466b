"""The pages of the viewer: one module with one router for each page."""

from vmevalkit.web.pages import (
    compare,
    disagreements,
    files,
    overview,
    pairs,
    progress,
    question,
    rate,
    sample,
    samples,
    tasks,
)

ROUTERS = tuple(
    page.router
    for page in (overview, samples, sample, question, compare, disagreements, tasks, progress, rate, pairs, files)
)
