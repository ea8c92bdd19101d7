"""Goals as people write them down: frames, conditions, functions, lists of them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.agent.encoding import encode, encode_goal
from telos.agent.frames import beside, names_frames, read_goal
from telos.agent.trained import AgentParts
from telos.agent.wishes import Several, Wish, Wishes
from telos.config import load_json
from telos.cost.conditions import Condition, ConditionGoal, parse_condition
from telos.cost.predicate import Predicate, PredicateGoal
from telos.types import Streams

_FUNCTION = re.compile(r"(?P<path>.+\.py):(?P<name>\w+)")
_LISTS: Mapping[str, Several] = {"any": "any", "sequence": "sequence"}
TELLING = 0.05
"""Share of the state's variance that the streams of a goal have to tell: below it they
tell nothing, and the agent would head for the mean of all states."""
CONDITION_UNIT = "errors of the read-outs"


@dataclass(frozen=True, kw_only=True)
class Goals:
    """Wishes and what several of them mean."""

    wishes: tuple[Wish, ...]
    several: Several = "any"
    image: Streams | None = None
    """What should be observed, where the goal is one observation."""
    told: float = 1.0
    """Share of the state's variance that its streams tell."""

    def pursuit(self, parts: AgentParts) -> Wishes:
        """What an agent of these parts pursues."""
        return Wishes(self.wishes, self.several, parts.weigh)


def read_goals(
    texts: Sequence[str], parts: AgentParts, several: Several = "any"
) -> Goals:
    """Understand goals.

    Args:
        texts: Each an observation to be reached (see `telos.agent.frames`), a condition
            on read-outs (see `telos.cost.conditions`), ``FILE.py:FUNCTION`` (a
            predicate; the file is run), or, alone, a ``.json`` file that lists some.
        parts: Of the agent that will pursue them.
        several: What more than one means.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If one cannot be understood.
    """
    if any(text.lower().endswith(".json") for text in texts):
        if len(texts) > 1:
            raise ValueError("a file of goals stands alone; write the others into it")
        return _of_file(Path(texts[0]), parts)
    image, told = None, 1.0
    if len(texts) == 1 and names_frames(texts[0]):
        image = read_goal(texts[0], parts.seen)
        if set(parts.seen.streams) - set(image):
            told = float(parts.model.told_by(image).mean())
    wishes = tuple(read_wish(text, parts) for text in texts)
    return Goals(wishes=wishes, several=several, image=image, told=told)


def read_wish(
    text: str, parts: AgentParts, definitions: Mapping[str, Condition] | None = None
) -> Wish:
    """Understand one goal, see `read_goals`."""
    if names_frames(text):
        return observed(parts, read_goal(text, parts.seen))
    function = _FUNCTION.fullmatch(text)
    if function is not None:
        return predicate(parts, _load(Path(function["path"]), function["name"]), text)
    return condition(parts, text, definitions)


def observed(parts: AgentParts, frame: Streams) -> Wish:
    """To be where a (1, ...) or (B, ...) frame is observed, at rest.

    Streams may be missing: then the others say where to be, and nearness is measured
    in what they tell of the state.

    Raises:
        ValueError: If what is there tells too little of the state.
    """
    model = parts.model
    missing = [name for name in parts.seen.streams if name not in frame]
    if not missing:
        still = [frame] * model.history
        return parts.be_at(encode(model, still, parts.device)[:, -1])
    state = encode_goal(model, frame, model.history, parts.device)
    told = model.told_by(frame)
    share = float(told.mean())
    if share < TELLING:
        raise ValueError(
            f"a goal in {', '.join(frame)} alone tells {100 * share:.0f} % of the "
            f"state, which does not say where to go; show it in {', '.join(missing)} "
            "too"
        )
    return parts.be_at(state, told)


def condition(
    parts: AgentParts, text: str, definitions: Mapping[str, Condition] | None = None
) -> Wish:
    """To fulfil a condition on the read-outs of a run.

    Raises:
        ValueError: If the text is no such condition; the message shows where.
    """
    goal = ConditionGoal.of(text, parts.readouts, definitions)
    return Wish(objective=goal, unit=CONDITION_UNIT)


def predicate(parts: AgentParts, function: Predicate, name: str = "predicate") -> Wish:
    """To fulfil a function of one's own, see `PredicateGoal`."""
    goal = PredicateGoal(function, parts.readouts, name)
    return Wish(objective=goal, unit=name)


def _of_file(path: Path, parts: AgentParts) -> Goals:
    content = load_json(path)
    where = f"{str(path)!r}"
    lists = [key for key in _LISTS if isinstance(content, dict) and key in content]
    unknown = sorted(set(content) - {*_LISTS, "define"}) if lists else []
    if len(lists) != 1 or unknown:
        raise ValueError(
            f"{where}: expected an object with 'any' or 'sequence' (a list of goals) "
            f"and, if wanted, 'define' (phrase -> condition); unknown: {unknown}"
        )
    (several,) = lists
    texts = _texts(content[several], f"{where}: {several!r}")
    definitions: dict[str, Condition] = {}
    for phrase, text in _pairs(content.get("define", {}), where).items():
        # Each may use those before it, so that none can use itself.
        definitions[phrase] = _told_where(
            f"{where}: the definition of {phrase!r}",
            lambda t=text: parse_condition(t, parts.readouts, definitions),
        )
    wishes = tuple(
        _told_where(
            f"{where}: goal {number}",
            lambda t=text: read_wish(_beside(path, t), parts, definitions),
        )
        for number, text in enumerate(texts, start=1)
    )
    return Goals(wishes=wishes, several=_LISTS[several])


def _beside(path: Path, text: str) -> str:
    """Files that a file of goals names lie beside it."""
    if names_frames(text):
        return beside(path.parent, text)
    if _FUNCTION.fullmatch(text):
        return str(path.parent / text)
    return text


def _texts(value: Any, where: str) -> list[str]:
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return value
    raise ValueError(f"{where} must be a list of at least one goal, each a text")


def _pairs(value: Any, where: str) -> Mapping[str, str]:
    if isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
        return value
    raise ValueError(f"{where}: 'define' must be an object of texts")


def _told_where(where: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def _load(path: Path, name: str) -> Predicate:
    """A function of a Python file, which is run."""
    if not path.is_file():
        raise FileNotFoundError(f"no Python file {str(path)!r}; check the path")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Predicate | None = getattr(module, name, None)
    if not callable(function):
        raise ValueError(
            f"{str(path)!r} has no function {name!r}; it should take a mapping of "
            "quantities (name -> tensor (..., q)) and return a tensor (...)"
        )
    return function
