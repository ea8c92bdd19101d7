"""A protocol: everything that decides what a success rate means, as a file with a hash.

"Two rooms" alone is not a benchmark: the layout, the goal rule, the budget, the radius
and whether the first hit or the last step counts move the same agent by tens of
percent. A protocol is therefore data, not code; results name it by its hash, and two
results with different hashes are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from telos.config import digest, from_dict, load_json, save_json, to_dict

SuccessRule = Literal["first-hit", "last-step"]
"""Whether coming within the radius once is enough, or the episode must end there."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How an agent is measured."""

    name: str
    description: str
    """One sentence for people; it is not part of the hash."""
    world: str
    """Environment id."""
    goal_rule: str
    """One of the world's goal rules."""
    episodes: int
    budget: int
    """Steps per episode; every episode runs them all unless the world terminates."""
    radius: float
    """Success: distance to the goal at most this, in `unit`."""
    unit: str
    success: SuccessRule
    first_seed: int
    """Episode i has seed `first_seed + i`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the world, for example layout and split."""
    zone: str | Mapping[str, Any] | None = None
    """Keep-out zone as the world's `zone` option; entering it is a violation."""
    guarded: bool = True
    """Whether the agent is told of the zone; false measures what telling it changes."""
    version: int = 1
    """Raised when the meaning of a field changes."""

    def __post_init__(self) -> None:
        for key in ("episodes", "budget", "radius"):
            if not getattr(self, key) > 0:
                raise ValueError(
                    f"protocol {self.name!r}: {key} must be positive, "
                    f"got {getattr(self, key)}"
                )

    @property
    def hash(self) -> str:
        """Fingerprint of everything that decides the result; words do not count."""
        return digest(replace(self, name="", description=""))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every episode; each fixes layout, start, goal and randomness."""
        return tuple(range(self.first_seed, self.first_seed + self.episodes))

    @property
    def world_options(self) -> dict[str, Any]:
        """Keyword arguments that build the world, the zone included."""
        zone = {} if self.zone is None else {"zone": self.zone}
        return {**self.options, **zone}

    def with_episodes(self, episodes: int) -> Protocol:
        """The same protocol with another number of episodes (and another hash)."""
        return replace(self, episodes=episodes)

    def save(self, path: str | Path) -> Path:
        """Write the protocol as a JSON file."""
        return save_json(path, to_dict(self))


def protocol_names() -> tuple[str, ...]:
    """Names of the protocols that ship with telos."""
    files = resources.files("telos.evaluation").joinpath("protocols").iterdir()
    return tuple(sorted(Path(f.name).stem for f in files if f.name.endswith(".json")))


def load_protocol(name_or_path: str | Path) -> Protocol:
    """A shipped protocol by name, or any protocol by the path of its JSON file.

    Raises:
        FileNotFoundError: If it is neither; the message lists the names.
        ValueError: If the file is not a protocol; the message names the wrong key.
    """
    if str(name_or_path) in protocol_names():
        folder = resources.files("telos.evaluation").joinpath("protocols")
        with resources.as_file(folder.joinpath(f"{name_or_path}.json")) as path:
            return from_dict(Protocol, load_json(path))
    if not Path(name_or_path).is_file():
        raise FileNotFoundError(
            f"no protocol {str(name_or_path)!r}; use the path of a protocol file or "
            f"one of {', '.join(protocol_names())}"
        )
    return from_dict(Protocol, load_json(name_or_path))
