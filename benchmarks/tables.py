"""Write the tables of README and docs from benchmarks/results/*.json.

    python benchmarks/tables.py           # rewrite the pages
    python benchmarks/tables.py --check   # exit 1 if a page is out of date

A table stands between ``<!-- table:NAME -->`` and ``<!-- /table -->`` and is made from
``benchmarks/results/NAME.json``. Needs nothing but Python.

A result file is one JSON object:

    command   how to measure it again
    commit    of the source that was measured
    machine   in words, or what `telos.runtime.machine()` says
    seconds   wall clock of the whole measurement
    rows      list of objects: name, value, unit, n, low, high, floor, ceiling, target,
              met; all but name, value and unit may be missing or null

Values are in the unit, with one exception: unit "share" is a number in [0, 1] and is
shown in percent. `target` is text with its sign, for example ">= 90 %".
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(
    r"(?P<open><!-- table:(?P<name>[\w-]+) -->\n).*?(?P<close><!-- /table -->)",
    re.DOTALL,
)
Row = Mapping[str, Any]
REQUIRED = {
    "file": ("command", "commit", "machine", "seconds", "rows"),
    "row": ("name", "value", "unit"),
}


def pages(root: Path) -> list[Path]:
    """Every page that may hold a table."""
    return [root / "README.md", *sorted(root.glob("docs/**/*.md"))]


def rendered(text: str, results: Path) -> str:
    """The page with every table as the result files have it.

    Raises:
        ValueError: If a result file is not what the head of this script describes.
    """

    def replace(found: re.Match[str]) -> str:
        body = table(results / f"{found['name']}.json")
        return f"{found['open']}{body}\n{found['close']}"

    return MARKED.sub(replace, text)


def table(path: Path) -> str:
    """Markdown of one result file; a sentence where there is none."""
    if not path.exists():
        return f"*Not measured yet: there is no `benchmarks/results/{path.name}`.*"
    result = json.loads(path.read_text(encoding="utf-8"))
    require(result, "file", path)
    for row in result["rows"]:
        require(row, "row", path)
    shown = [c for c in COLUMNS if any(COLUMNS[c](row) for row in result["rows"])]
    lines = [shown, ["---"] * len(shown)]
    lines += [[COLUMNS[c](row) for c in shown] for row in result["rows"]]
    body = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"{body}\n\n{origin(result)}"


def require(found: Mapping[str, Any], kind: str, path: Path) -> None:
    """Refuse an object that lacks a key."""
    missing = [key for key in REQUIRED[kind] if key not in found]
    if missing:
        raise ValueError(
            f"{path}: a {kind} has no {', '.join(missing)}; see the head of "
            "benchmarks/tables.py for what belongs there."
        )


def number(value: float | None, unit: str) -> str:
    """Three significant digits at most below 1000, shares in percent."""
    if value is None:
        return ""
    if unit == "share":
        return f"{100 * value:.1f} %"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def interval(row: Row) -> str:
    """From low to high, if both are known."""
    low, high, unit = row.get("low"), row.get("high"), row["unit"]
    if low is None or high is None:
        return ""
    return f"{number(low, unit)} to {number(high, unit)}"


def met(row: Row) -> str:
    """yes, **no**, or nothing where there is no target."""
    words = {True: "yes", False: "**no**", None: ""}
    return words[row.get("met")]


def plain(key: str) -> Callable[[Row], str]:
    """A cell that is a number in the row's unit."""
    return lambda row: number(row.get(key), row["unit"])


COLUMNS: dict[str, Callable[[Row], str]] = {
    "what": lambda row: row["name"],
    "result": plain("value"),
    "95 % interval": interval,
    "n": lambda row: "" if row.get("n") is None else f"{row['n']:,}",
    "floor": plain("floor"),
    "ceiling": plain("ceiling"),
    "target": lambda row: "" if row.get("target") is None else str(row["target"]),
    "met": met,
}
"""Heading -> cell. A column in which every cell is empty is left out."""


def origin(result: Mapping[str, Any]) -> str:
    """How, where and from which source the numbers came."""
    machine = result["machine"]
    if isinstance(machine, Mapping):
        machine = f"{machine.get('cpu')}, {machine.get('cores')} cores"
        gpu = result["machine"].get("gpu")
        machine += f", {gpu}" if gpu else ", no GPU"
    minutes = result["seconds"] / 60
    return (
        f"`{result['command']}`, commit `{result['commit']}`, {machine}, "
        f"{minutes:.1f} minutes."
    )


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Rewrite or check all pages; the exit status."""
    parser = argparse.ArgumentParser(description="Tables from benchmark results.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args(arguments).check
    stale = []
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        wanted = rendered(text, root / "benchmarks" / "results")
        if wanted == text:
            continue
        stale.append(page.relative_to(root))
        if not check:
            page.write_text(wanted, encoding="utf-8")
    for page in stale:
        print(f"{page} {'is out of date' if check else 'rewritten'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
