"""Whether a training can start: asked before a run folder is made."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from telos.config import from_dict, to_dict
from telos.data.splits import split_by_episode
from telos.envs.world import WorldSpec
from telos.learning.config import TrainConfig
from telos.learning.distributed import Team
from telos.learning.modules import untrained_modules


def check_trainable(config: TrainConfig, spec: WorldSpec, lengths: np.ndarray) -> None:
    """Refuse what would only fail minutes later.

    Args:
        config: Resolved configuration.
        spec: The recorded world.
        lengths: (E,) frames of each episode.

    Raises:
        ValueError: If a name or number of the configuration is not allowed, the images
            do not suit the network, the episodes are too few or too short, or they have
            no actions.
    """
    if spec.action_dim == 0:
        raise ValueError(
            f"the recording {spec.id!r} has no actions, and a world model learns what "
            "actions do; put a table of actions beside each video and import it again, "
            "or learn by watching alone: telos watch"
        )
    # The codec knows every choice: a config that it would not read back is wrong.
    from_dict(TrainConfig, to_dict(config))
    _check_numbers(config)
    untrained_modules(config, spec)
    train, held_out = split_by_episode(len(lengths), config.held_out, seed=config.seed)
    for name, needed in frames_needed(config).items():
        _check_longest(name, needed, lengths[train])
    _check_longest("the verdict", config.model.frame_skip + 1, lengths[held_out])


def check_shared(config: TrainConfig, team: Team) -> None:
    """Refuse batches that the processes of a team cannot share evenly.

    Raises:
        ValueError: If there is one.
    """
    shared = {
        "representation.episodes": config.representation.episodes,
        "dynamics.batch": config.dynamics.batch,
        "chart.batch": config.chart.batch,
        "critic.batch": config.critic.batch,
        "habit.batch": config.habit.batch,
    }
    if config.model.completes:
        shared["completion.batch"] = config.completion.batch
    if config.decoder is not None:
        shared["decoder.batch"] = config.decoder.batch
    for name, count in shared.items():
        team.part(count, name)


def frames_needed(config: TrainConfig) -> Mapping[str, int]:
    """Frames that an episode must have to give a window, for each phase."""
    skip = config.model.frame_skip
    past = config.model.history - 1
    transitions = {
        "representation": config.representation.length + past,
        **({"completion": 1} if config.model.completes else {}),
        "dynamics": config.dynamics.length,
        "chart": 1,
        # Targets of the critic end where the episode ends: one transition will do.
        "critic": 1,
        "habit": 1,
    }
    if config.decoder is not None:
        transitions["decoder"] = 0
    return {name: skip * count + 1 for name, count in transitions.items()}


def num_windows(config: TrainConfig, lengths: np.ndarray) -> Mapping[str, int]:
    """Different windows that episodes of these lengths give, for each phase."""
    return {
        name: int(np.maximum(lengths - needed + 1, 0).sum())
        for name, needed in frames_needed(config).items()
    }


def _check_longest(name: str, needed: int, lengths: np.ndarray) -> None:
    if lengths.max() < needed:
        raise ValueError(
            f"{name} needs episodes of {needed} frames, the longest has "
            f"{lengths.max()}; record longer episodes, or lower the frame skip, the "
            "history or the length of its windows"
        )


def _check_numbers(config: TrainConfig) -> None:
    at_least_one = {
        "history": config.model.history,
        "frame_skip": config.model.frame_skip,
        "representation.steps": config.representation.steps,
        "completion.steps": config.completion.steps,
        "dynamics.steps": config.dynamics.steps,
        "chart.steps": config.chart.steps,
        "critic.steps": config.critic.steps,
        "habit.steps": config.habit.steps,
        "habit.reach": config.habit.reach,
        "checkpoint_every": config.checkpoint_every,
    }
    if config.decoder is not None:
        at_least_one["decoder.steps"] = config.decoder.steps
    for name, value in at_least_one.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    not_negative = {
        "representation.straightness": config.representation.straightness,
        "dynamics.noise": config.dynamics.noise,
    }
    for name, value in not_negative.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value}, expected at least 0")
