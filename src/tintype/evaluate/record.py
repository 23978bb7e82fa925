"""Every figure of an evaluation as JSON: what was measured, how, and picture by picture."""

from __future__ import annotations

import contextlib
import json
import math
import platform
from importlib import metadata
from typing import Any

from tintype import __version__
from tintype.evaluate.measure import FIGURES
from tintype.evaluate.run import Evaluation
from tintype.evaluate.summary import Figure, Win

SCHEMA = 1
PACKAGES = (
    *("numpy", "pillow", "pyvips", "pyvips-binary", "onnxruntime"),
    *("torch", "torchvision", "timm", "torch-fidelity", "torchmetrics"),  # of some judges
)


def to_json(evaluation: Evaluation) -> str:
    """One JSON object; what is not defined, or infinite, is null."""
    comparison, table, judge = evaluation.comparison, evaluation.table, evaluation.judge
    record = {
        "schema": SCHEMA,
        "versions": _versions(),
        "options": evaluation.options,
        "rows": evaluation.sources,
        "protocol": {
            "name": evaluation.protocol.name,
            "about": evaluation.protocol.about,
            "pictures": len(comparison.pictures),
            "gray_left_out": list(comparison.gray),
        },
        "judge": {"name": judge.name, "key": judge.key} if judge else None,
        "warnings": list(evaluation.warnings),
        "columns": {
            c.key: {"label": c.label, "better": c.better, "about": c.about} for c in table.columns
        },
        "groups": {
            group: {
                row: {"n": line.n} | {key: _interval(f) for key, f in line.figures.items()}
                for row, line in rows.items()
            }
            for group, rows in table.lines.items()
        },
        "against": {
            evaluation.against: {
                row: {key: _win(win) for key, win in wins.items()}
                for row, wins in table.against.items()
            }
        }
        if evaluation.against
        else {},
        "pictures": {
            picture: {
                row: dict(zip(FIGURES, map(_number, values[i]), strict=True))
                for row, values in comparison.figures.items()
            }
            for i, picture in enumerate(comparison.pictures)
        },
    }
    return json.dumps(record, indent=1, ensure_ascii=False)


def _versions() -> dict[str, str]:
    """Of tintype, Python, and what is installed of the packages that figures depend on."""
    found = {"tintype": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _interval(figure: Figure) -> dict[str, float | None]:
    return {"mean": _number(figure.value), "low": _number(figure.low), "high": _number(figure.high)}


def _win(win: Win) -> dict[str, Any]:
    return {
        "n": win.n,
        "share": _interval(win.share),
        "difference": _interval(win.difference),
        "is_different": win.is_different,
    }
