"""The plot of the results: seconds of a plan against the number of objects."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.scale.peers import CACHE

MATPLOTLIB = "matplotlib==3.10.3"
Line = Sequence[tuple[int, float]]


def draw(lines: Mapping[str, Line], file: Path) -> None:
    """Write an SVG of lines by name, with two logarithmic axes."""
    target = CACHE / MATPLOTLIB.replace("==", "-")
    if not target.exists():
        install = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--target", str(target), MATPLOTLIB]
        subprocess.run(install, check=True)
    sys.path.insert(0, str(target))
    import matplotlib as mpl  # noqa: PLC0415 - it is installed only now

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "tavusctl", "svg.fonttype": "path", "font.size": 10}
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for name, points in lines.items():
        style = "-o" if name.startswith("tavusctl") else "--s"
        axes.loglog([x for x, _ in points], [y for _, y in points], style, label=name, markersize=4)
    axes.set_xlabel("objects")
    axes.set_ylabel("seconds of a plan, whole process")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})
