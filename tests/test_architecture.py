"""The house stands: imports go down its floors, no two rooms import each other.

Every import statement counts, also inside functions and under TYPE_CHECKING, because
with a cycle neither side can be read, tested or replaced alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import telos

SOURCE = Path(__file__).parents[1] / "src" / "telos"

FLOORS = (
    ("types", "config", "runtime"),
    ("runs",),
    ("data", "envs"),
    ("perception",),
    ("world_model",),
    ("cost", "memory"),
    ("actor",),
    ("configurator", "agent"),
    ("learning", "collect", "evaluation"),
    ("adapters", "concepts", "behaviour", "federation"),
    ("report", "serve"),
    ("cli",),
)
"""From the ground up. A room imports lower floors; on its own floor one way at most."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DOORS = ("__init__", "__main__")
"""The package's own front door may open any room; no room may import it back."""


@dataclass(frozen=True)
class Import:
    """One import of a telos module by another."""

    source: str
    """Importing module, dotted, without `telos.`."""
    target: str
    place: str
    """file:line."""
    at_import_time: bool
    """False inside a function or under TYPE_CHECKING."""

    @property
    def rooms(self) -> tuple[str, str]:
        return room_of(self.source), room_of(self.target)


def room_of(module: str) -> str:
    return module.partition(".")[0] or "__init__"


def name_of(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    inside = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
    return ".".join(inside)


def files(root: Path) -> list[Path]:
    return sorted(root.rglob("*.py"))


def imports_of(file: Path, root: Path) -> Iterator[tuple[str, int, bool]]:
    """Every imported module as (absolute name, line, at import time)."""
    package = ("telos", *file.relative_to(root).parent.parts)
    tree = ast.parse(file.read_text(), filename=str(file))
    lazy = lines_of_lazy_code(tree)
    for node in ast.walk(tree):
        for name in imported_names(node, package):
            yield name, node.lineno, node.lineno not in lazy


def imported_names(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        up = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join((*up, *([node.module] if node.module else [])))
        # `from telos import x` imports the room x, not the front door.
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and called_name(node) == "import_module":
        constant = node.args[0] if node.args else None
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            return [constant.value]
    return []


def called_name(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


def lines_of_lazy_code(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(
            node.test
        )
        if function or typing_only:
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def inner_imports(root: Path) -> list[Import]:
    """Imports of telos by telos."""
    found = []
    for file in files(root):
        for name, line, eager in imports_of(file, root):
            head, _, rest = name.partition(".")
            if head == "telos":
                place = f"{file.relative_to(root.parent)}:{line}"
                found.append(Import(name_of(file, root), rest, place, eager))
    return found


def violations(root: Path) -> list[str]:
    """What breaks law 1, each naming rooms, file and line."""
    found = [
        f"{file.relative_to(root.parent)}: room {room!r} is on no floor; place it in "
        "FLOORS of tests/test_architecture.py and in docs/architecture.md"
        for file in files(root)
        if (room := room_of(name_of(file, root))) not in (*FLOOR_OF, *DOORS)
    ]
    crossing = [i for i in inner_imports(root) if i.rooms[0] != i.rooms[1]]
    crossing = [i for i in crossing if i.rooms[0] not in DOORS]
    first: dict[tuple[str, str], Import] = {}
    for item in crossing:
        first.setdefault(item.rooms, item)
        source, target = item.rooms
        if target in FLOOR_OF and FLOOR_OF[target] > FLOOR_OF.get(source, 0):
            found.append(f"{item.place}: {source!r} imports {target!r}, a floor above")
    for (source, target), item in first.items():
        back = first.get((target, source))
        if back is not None and source < target:
            found.append(
                f"{source!r} and {target!r} import each other: {item.place} and "
                f"{back.place}"
            )
    return found


def loaded_with(room: str, root: Path) -> dict[str, str]:
    """Foreign modules that importing a room loads, each with the place that does."""
    eager: dict[str, list[tuple[str, str]]] = {}
    for file in files(root):
        place = file.relative_to(root.parent)
        eager[name_of(file, root)] = [
            (name, f"{place}:{line}")
            for name, line, now in imports_of(file, root)
            if now
        ]
    waiting = [m for m in eager if room_of(m) == room]
    seen: set[str] = set()
    foreign: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        if module in seen or module not in eager:
            continue
        seen.add(module)
        for name, place in eager[module]:
            head, _, rest = name.partition(".")
            if head == "telos":
                waiting.extend(with_parents(rest))
            else:
                foreign.setdefault(name, place)
    return foreign


def with_parents(module: str) -> list[str]:
    """a.b.c -> a, a.b, a.b.c: importing one runs them all (c may be a name)."""
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


# --- the laws


def test_imports_go_down_and_no_two_rooms_import_each_other() -> None:
    assert violations(SOURCE) == []


def test_the_report_needs_no_torch() -> None:
    foreign = loaded_with("report", SOURCE)
    assert {n: p for n, p in foreign.items() if "torch" in n.split(".")} == {}


DECIDING = ("cost", "memory", "actor", "configurator", "agent", "serve")
"""Rooms that decide, and what they are asked through."""


def test_nothing_that_decides_knows_the_decoder() -> None:
    """Pictures of latents are for people alone."""
    knowing = [
        item.place
        for item in inner_imports(SOURCE)
        if "decod" in item.target.lower() and "world_model" in item.target
        if item.rooms[0] in DECIDING
    ]
    knowing += [
        str(file.relative_to(SOURCE))
        for room in DECIDING
        for file in [*SOURCE.glob(f"{room}.py"), *SOURCE.glob(f"{room}/**/*.py")]
        if "decoder" in file.read_text().lower()
    ]
    assert knowing == []


def test_one_file_knows_the_library_of_pretrained_networks() -> None:
    knowing = {
        str(file.relative_to(SOURCE))
        for file in files(SOURCE)
        for name, _, _ in imports_of(file, SOURCE)
        if name.split(".")[0] == "transformers"
    }
    assert knowing == {"perception/pretrained.py"}


def test_help_loads_neither_torch_nor_the_option_parser_and_is_quick() -> None:
    code = (
        "import sys; from telos.cli.main import main; main(['--help']); "
        "heavy = {'torch', 'tyro', 'numpy', 'h5py', 'rich'} & sys.modules.keys(); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    assert seconds < 2.0  # about 0.1 when nothing else runs


def test_functions_and_files_stay_small() -> None:
    long = []
    for file in files(SOURCE):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 90:
                    long.append(
                        f"{file.name}:{node.lineno} {node.name}: {length} lines"
                    )
        if text.count("\n") > 400:
            long.append(
                f"{file.name}: {text.count(chr(10))} lines; find the second noun"
            )
    assert long == []


@pytest.mark.parametrize("name", telos._HOME)
def test_public_names_are_where_the_package_says(name: str) -> None:
    assert getattr(telos, name).__module__.startswith(telos._HOME[name])
    assert name in dir(telos)


def test_an_unknown_public_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'; it offers Agent"):
        telos.Agnet


# --- the test itself is tested


def plant(root: Path, **sources: str) -> Path:
    for name, text in {"__init__": "", **sources}.items():
        file = root / "telos" / f"{name.replace('__in__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root / "telos"


def test_downward_imports_are_allowed(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        types="",
        runs="from telos import types\n",
        data="import telos.envs\nfrom telos.types import Plan\n",
        envs="from telos.runs import Run\n",
    )
    assert violations(root) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from telos.cost import Goal\n",
        "from telos import cost\n",
        "import telos.cost\n",
        "from .cost import Goal\n",
        "def f():\n    from telos.cost import Goal\n",
        "import importlib\nx = importlib.import_module('telos.cost')\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import telos.cost\n",
    ],
)
def test_a_planted_upward_import_is_found(statement: str, tmp_path: Path) -> None:
    root = plant(tmp_path, world_model=statement, cost="")
    line = statement.count("\n")
    (message,) = violations(root)
    assert message == (
        f"telos/world_model.py:{line}: 'world_model' imports 'cost', a floor above"
    )


def test_a_planted_cycle_on_one_floor_is_found(tmp_path: Path) -> None:
    root = plant(
        tmp_path, data="import telos.envs\n", envs="def f():\n    import telos.data\n"
    )
    assert violations(root) == [
        "'data' and 'envs' import each other: telos/data.py:1 and telos/envs.py:2"
    ]


def test_a_room_on_no_floor_is_found(tmp_path: Path) -> None:
    (message,) = violations(plant(tmp_path, cellar=""))
    assert "telos/cellar.py: room 'cellar' is on no floor" in message


def test_torch_behind_two_imports_is_found(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        report="from telos.data import spec\ndef f():\n    import torch.cuda\n",
        data__in____init__="import safetensors.torch\n",
        data__in__spec="",
    )
    assert loaded_with("report", root) == {
        "safetensors.torch": "telos/data/__init__.py:1"
    }
