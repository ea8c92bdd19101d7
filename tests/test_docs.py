"""Every code block of the documentation works: Python is run, `telos` lines parsed.

A block that cannot run here is marked on the line before its fence, with the reason:

    <!-- not run: needs a GPU -->
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telos.cli.main import load_verb, parse

ROOT = Path(__file__).parents[1]
PAGES = [
    p for p in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if p.exists()
]

FENCE = re.compile(r"^```(\w*)\s*$")
NOT_RUN = re.compile(r"^<!--\s*not run:\s*(\S.*?)\s*-->$")


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    page: str
    line: int
    """Of its first code line, from 1."""
    language: str
    code: str
    not_run: str | None
    """The reason, if it is marked."""


def blocks(page: str, text: str) -> Iterator[Block]:
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next(
            (n for n in range(at + 1, len(lines)) if lines[n].startswith("```")),
            len(lines),
        )
        mark = NOT_RUN.match(lines[at - 1]) if at else None
        code = "\n".join(lines[at + 1 : end])
        yield Block(page, at + 2, fence[1], code, mark[1] if mark else None)
        at = end + 1


def blocks_of(path: Path, language: str) -> list[Block]:
    page = str(path.relative_to(ROOT))
    found = blocks(page, path.read_text(encoding="utf-8"))
    return [block for block in found if block.language == language]


def telos_commands(script: str) -> list[list[str]]:
    """Arguments of every `telos ...` in a shell script, without what shells add."""
    joined = script.replace("\\\n", " ")
    commands = []
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for words in split_at_operators(list(lexer)):
            if words[:1] == ["telos"]:
                commands.append(words[1:])
    return commands


def split_at_operators(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in words:
        if word and set(word) <= set("|&;<>()"):
            yield command
            command = []
        else:
            command.append(word)
    yield command


def check_command(args: list[str]) -> None:
    """Parse without running; fails on an unknown verb, option or value."""
    if not args or args[0].startswith("-"):
        return
    verb, *options = args
    try:
        parse(load_verb(verb), verb, options)
    except SystemExit as stop:
        if stop.code:
            pytest.fail(f"telos {shlex.join(args)} is refused")


PYTHON_PAGES = [p for p in PAGES if blocks_of(p, "python")]
SHELL_BLOCKS = [block for page in PAGES for block in blocks_of(page, "bash")]


@pytest.mark.parametrize("path", PYTHON_PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_run_in_order(path: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "__docs__"}
    reasons = []
    found = blocks_of(path, "python")
    for block in found:
        if block.not_run is not None:
            reasons.append(block.not_run)
            continue
        # Blank lines in front make a traceback show the line of the page.
        padded = "\n" * (block.line - 1) + block.code
        exec(compile(padded, str(path), "exec"), namespace)
    if len(reasons) == len(found):
        pytest.skip("; ".join(reasons))


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=lambda b: f"{b.page}:{b.line}")
def test_commands_are_understood(block: Block) -> None:
    if block.not_run is not None:
        pytest.skip(block.not_run)
    for args in telos_commands(block.code):
        check_command(args)


# --- the test itself is tested

PAGE = """\
Text.

```python
x = 1
```

<!-- not run: no network -->
```bash
telos info
```
"""


def test_blocks_are_found_with_line_and_mark() -> None:
    first, second = blocks("page.md", PAGE)
    assert first == Block("page.md", 4, "python", "x = 1", None)
    assert second == Block("page.md", 9, "bash", "telos info", "no network")


def test_commands_are_cut_out_of_shell() -> None:
    script = "make test && telos info --json > a.json  # why\ntelos info \\\n  --seed 3"
    assert telos_commands(script) == [["info", "--json"], ["info", "--seed", "3"]]


def test_a_wrong_command_is_found(capsys) -> None:
    check_command(["info", "--seed", "3"])
    with pytest.raises(pytest.fail.Exception, match="telos info --sede 3 is refused"):
        check_command(["info", "--sede", "3"])
    with pytest.raises(ValueError, match="unknown verb 'inform'"):
        check_command(["inform"])
