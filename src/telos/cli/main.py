"""The command `telos`: finds the verb, parses its options, prints what it returns.

Only the chosen verb is imported, and `telos --help` imports none: it answers without
loading torch or the option parser.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from types import ModuleType
from typing import Any

from telos import __version__

VERBS = {
    "info": "versions, device and why, renderer, memory, disk",
    "envs": "list the worlds, or show one",
    "collect": "record episodes of a behaviour in a world",
    "import": "read a LeRobot dataset, videos or another recording",
    "export": "write an episode file as a LeRobot or Minari dataset",
    "inspect": "find in an episode file what would ruin a model",
    "train": "learn a world model from an episode file",
    "watch": "learn to predict clips, with or without actions",
    "compare-objectives": "train with several objectives alike, in one table",
    "calibrate": "find how much room the guardrails of a run need",
    "plan": "act once towards a goal inside guardrails, and film it",
    "evaluate": "measure a run by a protocol, with floors and intervals",
    "attribute": "say which link of a run's agent is the weakest",
    "report": "turn run folders into one self-contained HTML page",
    "surprise": "mark in a video what a watcher did not expect",
    "diagnose": "say whether embeddings have collapsed, and how one knows",
    "push": "publish a run with its model card, to a folder or the hub",
    "pull": "fetch a published run, every name, size and digest checked",
    "export-model": "turn a run into a file that torch alone can run",
    "demo": "all of it, from nothing to the page",
}
"""Every verb with its one-line description, in the order of a project's life."""

EXTRAS = {
    "gymnasium_robotics": "sim",
    "huggingface_hub": "hub",
    "mujoco": "sim",
    "fastapi": "serve",
    "pyarrow": "lerobot",
    "pymunk": "sim",
    "tensorboard": "track",
    "transformers": "pretrained",
    "uvicorn": "serve",
}
"""Optional module -> the extra that installs it."""

OK, FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130
"""Exit codes; `FAILED` is for a verb that did its work and whose answer is no."""

DEBUG_VARIABLE = "TELOS_DEBUG"
"""Environment variable: when set, errors come with their traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0, 1 if the verb was asked to judge and the answer is no, 2 wrong use, 130 Ctrl-C.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview())
        return OK
    if args[0] in ("-V", "--version"):
        print(f"telos {__version__}")
        return OK
    try:
        return _dispatch(args[0], args[1:])
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has left: not an error of ours. Python
        # would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        print(f"error: {explain(error)}", file=sys.stderr)
        return USER_ERROR


def overview() -> str:
    """The text of `telos --help`."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {line}" for name, line in VERBS.items())
    return (
        f"telos {__version__}: learn a world model, plan inside guardrails.\n\n"
        "usage: telos VERB [options]\n\n"
        f"verbs:\n{verbs}\n\n"
        "Every verb explains itself: telos VERB --help.\n"
        "Start with `telos demo`, or with `telos info` to see what this machine has.\n"
        f"With {DEBUG_VARIABLE}=1 an error comes with its traceback."
    )


def load_verb(verb: str) -> ModuleType:
    """Import the file of a verb.

    Raises:
        ValueError: If there is no such verb.
    """
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"unknown verb {verb!r}.{hint} Choose one of {', '.join(VERBS)}."
        )
    # A verb that is a word of Python has a file that ends in an underscore (PEP 8).
    name = verb.replace("-", "_")
    return import_module(f"telos.cli.{name}{'_' if iskeyword(name) else ''}")


def parse(module: ModuleType, verb: str, args: Sequence[str]) -> Any:
    """Parse options into the verb's `Command`; prints and exits on wrong use."""
    import tyro

    return tyro.cli(
        module.Command,
        prog=f"telos {verb}",
        args=args,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def explain(error: Exception) -> str:
    """One message for the user, with the remedy where it is known from the type."""
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        extra = EXTRAS.get(error.name.partition(".")[0])
        remedy = f'pip install "telos[{extra}]"' if extra else "install it with pip"
        return f"the module {error.name!r} is not installed. Remedy: {remedy}."
    return str(error) or type(error).__name__


def _dispatch(verb: str, args: list[str]) -> int:
    module = load_verb(verb)
    wants_help = "-h" in args or "--help" in args
    try:
        command = parse(module, verb, args)
    except SystemExit as stop:
        if wants_help:
            print(f"examples:\n{_indented(module.EXAMPLES)}")
        return int(stop.code or OK)
    return _execute(module, command)


def _execute(module: ModuleType, command: Any) -> int:
    """Run a verb; a result whose ``failed`` is true is the answer no."""
    if not command.common.json:
        result = module.run(command)
    else:
        # Whatever a library prints must not end up inside the JSON.
        with contextlib.redirect_stdout(sys.stderr):
            result = module.run(command)
    if result is None:
        return OK  # another process answers
    if command.common.json:
        from telos.config import jsonable

        print(json.dumps(jsonable(result), indent=2))
    return FAILED if result.get("failed") else OK


def _indented(text: str) -> str:
    return "\n".join(f"  {line.strip()}" for line in text.strip().splitlines())
