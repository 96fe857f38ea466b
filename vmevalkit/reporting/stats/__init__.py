"""Statistics of reports: rates, intervals, comparisons, curves and agreement.

These are formulas on plain numbers; `vmevalkit.reporting.analysis` applies them. Importing scipy, statsmodels and
krippendorff takes seconds, so the functions that need them import them.
"""

from vmevalkit.reporting.stats.comparison import (
    LEVEL,
    POWER,
    detectable,
    difference,
    holm,
    mcnemar,
    paired_difference,
    questions_needed,
)
from vmevalkit.reporting.stats.curves import Curve, CurvePoint, fit_curve
from vmevalkit.reporting.stats.rater_agreement import Agreement, agreement
from vmevalkit.reporting.stats.rates import (
    CEILING,
    Z95,
    Count,
    Floor,
    Tally,
    floor,
    pass_at_k,
    pass_hat_k,
    tally,
    wilson,
)
from vmevalkit.reporting.stats.resampling import DRAWS, Array, Bootstrap, Estimate, estimate

__all__ = [
    "CEILING",
    "DRAWS",
    "LEVEL",
    "POWER",
    "Z95",
    "Agreement",
    "Array",
    "Bootstrap",
    "Count",
    "Curve",
    "CurvePoint",
    "Estimate",
    "Floor",
    "Tally",
    "agreement",
    "detectable",
    "difference",
    "estimate",
    "fit_curve",
    "floor",
    "holm",
    "mcnemar",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "questions_needed",
    "tally",
    "wilson",
]
