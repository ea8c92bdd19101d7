"""Every network that a training changes, in one place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from telos.actor.habit import Habit
from telos.cost.critic import Network, build_critic
from telos.data.actions import ActionScale
from telos.data.recording import Recording
from telos.data.statistics import of_recording
from telos.envs.world import WorldSpec
from telos.learning.config import TrainConfig
from telos.learning.critic import slow_copy
from telos.learning.losses import InverseDynamics
from telos.learning.pictures import picture_shapes
from telos.perception.vector import VectorEncoder
from telos.runtime import seed_all
from telos.world_model import JEPA, Chart, Decoder

BALANCED_ON = 512
"""Frames by which streams are balanced."""


class Modules(nn.Module):
    """What a checkpoint stores, whichever phase is running.

    Args:
        model: Encoder and predictor.
        inverse: The head of the inverse-dynamics term.
        chart: Coordinates in which actions are displacements.
        critic: The temporal distance; its slow copy is made here.
        habit: What is usually done.
        decoder: Shows latents to people, if that is wanted.
    """

    def __init__(
        self,
        model: JEPA,
        inverse: InverseDynamics,
        chart: Chart,
        critic: Network,
        habit: Habit,
        decoder: Decoder | None = None,
    ) -> None:
        super().__init__()
        self.model, self.inverse, self.critic = model, inverse, critic
        self.chart, self.habit, self.decoder = chart, habit, decoder
        self.target = slow_copy(critic)

    def settle_critic(self, config: TrainConfig) -> None:
        """Have the network that a form of learning wants; a new one is untrained."""
        seed_all(config.seed)
        wanted = untrained_critic(config)
        if wanted.form != self.critic.form:
            self.critic = wanted.to(self.model.device)
            self.target = slow_copy(self.critic)


def build_modules(config: TrainConfig, recording: Recording) -> Modules:
    """Networks initialised from the seed, with the statistics of the recording."""
    modules = untrained_modules(config, recording.spec)
    _standardise_streams(modules.model, recording)
    if config.model.balanced:
        _balance_streams(modules.model, recording)
    return modules


def untrained_modules(config: TrainConfig, spec: WorldSpec) -> Modules:
    """Networks initialised from the seed; needs no episode.

    Raises:
        ValueError: If the images do not suit the network that shall look at them.
    """
    seed_all(config.seed)
    scale = ActionScale.of_spec(spec, config.model.frame_skip)
    model = JEPA(config.model, scale)
    critic = untrained_critic(config)
    inverse = InverseDynamics(config.model.state_dim, config.model.action_dim)
    chart = Chart(config.model.state_dim, config.model.action_dim, config.chart.width)
    habit = untrained_habit(config)
    # Last, so that all others begin the same with and without it.
    decoder = None if config.decoder is None else _untrained_decoder(config, spec)
    return Modules(model, inverse, chart, critic, habit, decoder)


def num_parameters(modules: Modules) -> Mapping[str, int]:
    """Trainable numbers of each network; the slow copy of the critic has none."""
    model = modules.model
    parts: dict[str, tuple[nn.Module, ...]] = {
        "encoder": (model.perception, model.head),
        **({"completion": (model.completion,)} if model.completion else {}),
        "predictor": (model.predictor,),
        "inverse dynamics": (modules.inverse,),
        "chart": (modules.chart,),
        "critic": (modules.critic,),
        "habit": (modules.habit,),
    }
    if modules.decoder is not None:
        parts["decoder"] = (modules.decoder,)
    return {
        name: sum(p.numel() for part in owned for p in part.parameters())
        for name, owned in parts.items()
    }


def untrained_critic(config: TrainConfig) -> Network:
    """The network that the form of learning wants."""
    return build_critic(
        "quasimetric" if config.critic.form == "quasimetric" else "free",
        config.model.state_dim,
        config.model.context_dim,
        config.critic.width,
    )


def untrained_habit(config: TrainConfig) -> Habit:
    """The network that the habit is formed in."""
    return Habit(
        config.model.state_dim,
        config.model.context_dim,
        config.model.action_dim,
        config.habit.width,
        config.habit.choices,
    )


def _untrained_decoder(config: TrainConfig, spec: WorldSpec) -> Decoder:
    assert config.decoder is not None
    seen = {name: spec.streams[name].shape for name in config.model.streams}
    settings = config.decoder
    return Decoder(
        config.model.latent_dim, picture_shapes(seen), settings.width, settings.patch
    )


def _standardise_streams(model: JEPA, recording: Recording) -> None:
    """Give flat streams the statistics of the recording."""
    flat = [n for n, shape in model.config.streams.items() if len(shape) == 1]
    if not flat:
        return
    found = of_recording(recording, [f"observations/{name}" for name in flat])
    for name in flat:
        part = model.perception.parts[name]
        assert isinstance(part, VectorEncoder)
        numbers = found[f"observations/{name}"]
        mean = torch.as_tensor(numbers.mean, dtype=torch.float32).flatten()
        scale = torch.as_tensor(numbers.scale, dtype=torch.float32).flatten()
        part.standardise(mean.repeat(model.history), scale.repeat(model.history))


@torch.no_grad()
def _balance_streams(model: JEPA, recording: Recording) -> None:
    """Have all streams begin with an equal say, as judged by some frames."""
    rows = np.unique(np.linspace(0, recording.num_frames - 1, BALANCED_ON).astype(int))
    frames = {
        name: torch.from_numpy(np.asarray(recording.observations[name][rows]))[:, None]
        for name in model.streams
    }
    model.perception.balance(model.prepare(frames))
