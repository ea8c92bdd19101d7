"""The dispatcher: help, errors with exit code 2, Ctrl-C 130, clean JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import tyro

from telos.cli import main as cli
from telos.cli.common import CommonOptions


@dataclass(frozen=True, kw_only=True)
class Command:
    """Do nothing in particular."""

    name: tyro.conf.Positional[str]
    """Whom to greet."""

    common: tyro.conf.OmitArgPrefixes[CommonOptions]


@pytest.fixture
def verb(monkeypatch):
    """Replace the verb `info` by one that does what the test says."""

    def install(action: Any) -> None:
        module = ModuleType("fake")
        module.Command = Command  # type: ignore[attr-defined]
        module.EXAMPLES = "\n  telos info world\n"  # type: ignore[attr-defined]
        module.run = action  # type: ignore[attr-defined]
        monkeypatch.setattr(cli, "load_verb", lambda name: module)

    return install


def raising(error: BaseException):
    def run(command: Command) -> dict:
        raise error

    return run


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_lists_every_verb_on_one_line(args, capsys) -> None:
    assert cli.main(args) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, text in cli.VERBS.items():
        assert any(line.split(maxsplit=1) == [name, text] for line in lines)
    assert max(map(len, lines)) <= 80


def test_version(capsys) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("telos 0.")


def test_a_mistyped_verb_gets_a_suggestion(capsys) -> None:
    assert cli.main(["trian"]) == 2
    assert "unknown verb 'trian'. Did you mean 'train'?" in capsys.readouterr().err


def test_help_of_a_verb_ends_with_examples(verb, capsys) -> None:
    verb(raising(AssertionError("help must not run the verb")))
    assert cli.main(["info", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Do nothing in particular." in out
    assert "Whom to greet." in out
    assert out.endswith("examples:\n  telos info world\n")


def test_an_unknown_option_is_exit_code_2(verb, capsys) -> None:
    verb(lambda command: {})
    assert cli.main(["info", "world", "--sede", "1"]) == 2
    assert "--seed" in capsys.readouterr().err


def test_options_reach_the_verb(verb) -> None:
    seen = []
    verb(lambda command: seen.append(command) or {})
    assert cli.main(["info", "world", "--seed", "7", "--quiet"]) == 0
    assert seen == [Command(name="world", common=CommonOptions(seed=7, quiet=True))]


def test_json_is_the_only_thing_on_stdout(verb, capsys) -> None:
    def run(command: Command) -> dict:
        print("chatter of some library")
        return {"hello": command.name, "nan": float("nan")}

    verb(run)
    assert cli.main(["info", "world", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"hello": "world", "nan": None}
    assert "chatter" in captured.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("3 given, 4 expected"), 2, "error: 3 given, 4 expected\n"),
        (FileNotFoundError("no file 'x'"), 2, "error: no file 'x'\n"),
        (OSError("the disk is full"), 2, "error: the disk is full\n"),
        (
            ModuleNotFoundError("No module", name="mujoco.x"),
            2,
            "error: the module 'mujoco.x' is not installed. Remedy: pip install "
            '"telos[sim]".\n',
        ),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C\n"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(error, code, message, verb, capsys):
    verb(raising(error))
    assert cli.main(["info", "world"]) == code
    assert capsys.readouterr().err == message


def test_a_bug_keeps_its_traceback(verb, monkeypatch) -> None:
    verb(raising(KeyError("a bug")))
    with pytest.raises(KeyError):
        cli.main(["info", "world"])
    verb(raising(ValueError("looks like wrong use")))
    monkeypatch.setenv(cli.DEBUG_VARIABLE, "1")
    with pytest.raises(ValueError, match="wrong use"):
        cli.main(["info", "world"])


def test_a_reader_that_leaves_the_pipe_is_no_error() -> None:
    code = (
        "import sys, time; from types import SimpleNamespace as N\n"
        "from telos.cli import main as cli\n"
        "def run(command):\n"
        "    for n in range(100000): print(n)\n"
        "cli.load_verb = lambda name: None\n"
        "cli.parse = lambda *a: N(common=N(json=False))\n"
        "cli._execute = lambda module, command: run(command)\n"
        "sys.exit(cli.main(['info']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_has_the_three_names(name: str) -> None:
    module = cli.load_verb(name)
    assert module.Command.__doc__
    assert "telos " + name in module.EXAMPLES
    assert callable(module.run)


@pytest.mark.parametrize("name", cli.VERBS)
def test_examples_of_every_verb_parse(name: str) -> None:
    module = cli.load_verb(name)
    for line in module.EXAMPLES.strip().splitlines():
        words = line.partition("#")[0].split()
        assert words[:2] == ["telos", name]
        cli.parse(module, name, words[2:])


def test_info_knows_this_machine(capsys) -> None:
    assert cli.main(["info", "--json", "--device", "cpu"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["runtime"]["device"] == "cpu"
    assert facts["machine"]["cores"] >= 1
    assert facts["disk_free_bytes"] > 0
    assert facts["renderer"]["reason"]
    assert facts["extras"].keys() == set(cli.EXTRAS.values())


def test_info_for_people(capsys) -> None:
    assert cli.main(["info", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    for word in ("telos", "machine", "device", "renderer", "disk free"):
        assert word in out
