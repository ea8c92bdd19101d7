"""The verdict on embeddings as one self-contained page, with the spectrum drawn.

The numbers come as the JSON that `telos diagnose --json` prints.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from telos.config import atomic_write
from telos.report.charts import Line, line_chart
from telos.report.layout import render
from telos.report.reading import Json
from telos.report.svg import number, percent

TONES = {"ok": "good", "partial": "mixed"}
NAMES = {
    "std_mean": "mean deviation of a dimension",
    "std_min": "smallest deviation",
    "dead": "dead dimensions",
    "effective_rank": "effective rank (RankMe)",
    "participation_ratio": "participation ratio",
    "power_slope": "slope of the spectrum (alpha-ReQ)",
    "mean_correlation": "mean absolute correlation",
    "within_share": "variance within clips",
    "linear_skill": "skill of a linear predictor",
    "prediction_skill": "prediction skill",
    "lidar": "LiDAR",
}
"""What is shown, in this order."""
SHARES = ("dead", "within_share")
RANKS = ("effective_rank", "participation_ratio", "lidar")
MEANS = {
    "ok": "Nothing points to a collapse.",
    "partial": "A part of the representation carries nothing, or the predictor is no "
    "better than saying that nothing changes.",
    "dimensional": "Most dimensions say the same: raise the weight of the covariance "
    "term, or of what stands in its place.",
    "slow-feature": "What is constant in a clip fills the representation and what "
    "moves is missing. Usual measures of collapse cannot see it. Take statistics "
    "within clips, predict actions, or add what changes to the loss.",
    "complete": "Every input is nearly the same point: raise the weight of the "
    "variance term, or put a batch norm without parameters last.",
}
"""What each verdict means for a training."""


def write_diagnosis(values: Json, out: Path) -> int:
    """Write the page, replacing an old one as a whole; return its size in bytes."""
    content = build_diagnosis(values).encode("utf-8")
    atomic_write(out, content)
    return len(content)


def build_diagnosis(values: Json) -> str:
    """The page as text, from what `telos diagnose --json` prints."""
    evidence = values["evidence"]
    return render(
        "diagnosis.html.j2",
        name=Path(values["file"]).name,
        verdict=f"{values['verdict'][:1].upper()}{values['verdict'][1:]}: "
        f"{values['text']}.",
        badge=values["verdict"],
        tone=TONES.get(values["verdict"], "bad"),
        means=MEANS[values["verdict"]],
        facts=[
            ("rows", number(values["rows"])),
            ("dimensions", number(values["dimensions"])),
            ("clips", number(values["clips"]) if values["clips"] else "not given"),
        ],
        notes=values["notes"],
        evidence=[
            (label, _value(key, evidence))
            for key, label in NAMES.items()
            if evidence.get(key) is not None
        ],
        spectrum=_spectrum(values["spectrum"]),
        cumulative=_cumulative(values["spectrum"]),
        command=shlex.join(["telos", "diagnose", values["file"]]),
    )


def _value(key: str, evidence: Json) -> str:
    value = evidence[key]
    if key in SHARES:
        return percent(value)
    of = f" of {number(evidence['dimensions'])}" if key in RANKS else ""
    return f"{number(value)}{of}"


def _spectrum(eigenvalues: list[float]) -> str:
    """Eigenvalues that are not rounding, on a logarithmic axis, beside 1/i."""
    kept = [v for v in eigenvalues if v > 1e-12 * max(eigenvalues[0], 1e-300)]
    if not kept:
        return line_chart([], label="an empty spectrum", x_name="direction")
    x = list(range(1, len(kept) + 1))
    return line_chart(
        [
            Line(name="yours", x=x, y=kept),
            Line(name="slope 1", x=x, y=[kept[0] / i for i in x], dashed=True),
        ],
        label="eigenvalues of the covariance",
        x_name="direction, largest first",
        log=True,
    )


def _cumulative(eigenvalues: list[float]) -> str:
    total, seen = sum(eigenvalues) or 1.0, 0.0
    y = []
    for value in eigenvalues:
        seen += value
        y.append(100 * seen / total)
    x = list(range(1, len(y) + 1))
    return line_chart(
        [Line(name="variance", x=x, y=y)],
        label="share of the variance in the largest directions, per cent",
        x_name="directions",
    )
