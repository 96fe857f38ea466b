"""A figure of the time of a video, from zero, against the limit of GPU memory, on a logarithmic axis."""

from __future__ import annotations

import numpy as np


def plot(points: list[tuple[float, float, str]]) -> str:
    """Return an SVG.

    Args:
        points: limit of GPU memory in GB, seconds of a video, and memory plan.
    """
    width, height, left, bottom = 640, 320, 60, 50
    caps = [p[0] for p in points]
    low, high = np.log2(min(caps)) - 0.3, np.log2(max(caps)) + 0.3
    top = 1.15 * max(p[1] for p in points)

    def at(cap: float, seconds: float) -> tuple[float, float]:
        x = left + (width - left - 20) * (np.log2(cap) - low) / (high - low)
        return round(float(x), 1), round(height - bottom - (height - bottom - 20) * seconds / top, 1)

    places = [at(cap, seconds) for cap, seconds, _ in points]
    marks = "".join(
        f'<circle cx="{x}" cy="{y}" r="4"/><text x="{x}" y="{y - 12}" text-anchor="middle">{seconds:.0f} s</text>'
        f'<text x="{x}" y="{y + 20}" text-anchor="middle">{plan}</text>'
        f'<text x="{x}" y="{height - bottom + 20}" text-anchor="middle">{cap:g}</text>'
        for (x, y), (cap, seconds, plan) in zip(places, points, strict=True)
    )
    line = " ".join(f"{x},{y}" for x, y in places)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="white"/>'
        f'<path d="M{left} 10V{height - bottom}H{width - 10}" fill="none" stroke="black"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f77b4" stroke-width="2"/><g fill="#1f3a5f">{marks}</g>'
        f'<text x="{width / 2}" y="{height - 10}" text-anchor="middle">GPU memory allowed, GB</text>'
        f'<text transform="translate(20 {height / 2}) rotate(-90)" text-anchor="middle">seconds a video</text></svg>\n'
    )
