"""How fast is a decision, and where does its time go?

    python benchmarks/speed.py              # everything
    python benchmarks/speed.py --seconds 1  # a look, not a result

Plans with the networks of the smallest recipe, untrained (their arithmetic is the
same), and a full memory of 64 misses. A decision is one search; its time is that of the
world model, of the critic, and what is left: drawing, weighing, ranking, refitting. The
floor is a loop that calls predictor and critic as often on as many rows, and does
nothing else. Encoding a frame and searching for a route are not part of a search.
Writes results/speed.json.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from results_file import limit_row, row, write_result
from torch import Tensor

from telos.agent import Deliberation, make_planner
from telos.agent.trained import objective_factory
from telos.cost.critic import DistanceNetwork, Network
from telos.envs import make_world
from telos.learning.config import adapted
from telos.learning.modules import untrained_modules
from telos.learning.recipes import recipe
from telos.memory import CorrectedDynamics, Corrections, MemoryConfig
from telos.runtime import choose_runtime, generators, laid_out, usable_cores
from telos.types import Trajectory

BATCHES = (1, 32)
USUAL, LARGE = Deliberation(), Deliberation(samples=256, horizon=12)
BUDGETS = {"usual budget": USUAL, "256 x 12": LARGE}
CANDIDATES, HORIZONS = (64, 128, 256, 512, 1024), (6, 12, 24, 48)
OUTSIDE, EXPONENT = 0.2, 1.1


class Timed:
    """Something that is called; adds up how long, and notes how many rows."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self.seconds, self.shapes = 0.0, []

    def measured(self, call: Callable[[], Any], shape: Sequence[int]) -> Any:
        """What the call returns."""
        began = time.perf_counter()
        answer = call()
        self.seconds += time.perf_counter() - began
        self.shapes.append(tuple(shape))
        return answer


class TimedDynamics(Timed):
    """A world model."""

    def rollout(self, state: Tensor, actions: Tensor, **more: Any) -> Trajectory:
        """See `telos.types.Dynamics`."""
        return self.measured(
            lambda: self.inner.rollout(state, actions, **more), actions.shape
        )


class TimedCritic(Timed):
    """A critic, as `CriticGoal` asks it."""

    @property
    def state_dim(self) -> int:
        """Dimensions that move."""
        return self.inner.state_dim

    def to_goals(self, latent: Tensor, goal: Tensor) -> Tensor:
        """See `DistanceNetwork.to_goals`."""
        return self.measured(lambda: self.inner.to_goals(latent, goal), latent.shape)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A decision's time in seconds, and what of it was spent where."""

    whole: float
    model: float
    critic: float
    floor: float

    @property
    def outside(self) -> float:
        """Share of the time that neither network has."""
        return 1 - (self.model + self.critic) / self.whole


class Bench:
    """B environments that decide again and again as one deliberation says."""

    def __init__(self, settings: Deliberation, batch: int) -> None:
        with contextlib.closing(make_world("two-rooms", num_envs=1)) as world:
            config = adapted(recipe("tiny"), world.spec)
            modules = untrained_modules(config, world.spec).eval()
        self.modules = laid_out(modules.requires_grad_(False))
        draw = torch.Generator().manual_seed(0)
        model = self.modules.model
        self.state = torch.randn(batch, 1, model.config.latent_dim, generator=draw)
        self.memory = self._full_memory(settings.memory, draw)
        self.dynamics = TimedDynamics(self.memory)
        self.critic = TimedCritic(self.modules.critic)
        goal = torch.randn(batch, model.config.latent_dim, generator=draw)
        self.goal = goal[:, : model.config.state_dim]
        self.objective = objective_factory(cast(Network, self.critic), settings)(goal)
        self.planner = make_planner(settings, model.config.action_dim)
        self.generators = generators(range(batch))
        self.init = None

    def _full_memory(self, size: int, draw: torch.Generator) -> CorrectedDynamics:
        """Every environment has been surprised as often as it can remember."""
        model = self.modules.model
        dims = model.config.state_dim, model.config.action_dim
        # Two states that are drawn at random are sqrt(2 Z) apart.
        config = MemoryConfig(typical_change=(2 * dims[0]) ** 0.5, capacity=size)
        corrections = Corrections(config, *dims)
        corrections.reset(len(self.state))
        while int(corrections.count.min()) < size:
            state, predicted, observed = (
                4 * torch.randn(len(self.state), dims[0], generator=draw)
                for _ in range(3)
            )
            action = torch.rand(len(self.state), dims[1], generator=draw) * 2 - 1
            corrections.record(state, action, predicted, observed)
        return CorrectedDynamics(model, corrections)

    def decide(self) -> None:
        """One decision; the next one starts from its plan."""
        plan = self.planner.plan(
            self.dynamics,
            self.state,
            self.objective,
            init=self.init,
            generators=self.generators,
        )
        self.init = plan.actions

    @torch.inference_mode()
    def floor(self) -> None:
        """Predictor and critic for every row that a decision had, and nothing else."""
        model, critic = self.modules.model, self.modules.critic
        assert isinstance(critic, DistanceNetwork)
        width = model.config.latent_dim + model.config.action_dim
        for batch, samples, steps, _ in self.dynamics.shapes:
            told = torch.zeros(batch * samples, steps + 1, width)
            predict = model.predictor.along(told)
            for step in range(steps):
                predict(step)
        for shape in self.critic.shapes:
            critic.to_goals(torch.zeros(shape), self.goal)

    def spent(self, seconds: float) -> Spent:
        """Medians of decisions and floors in turn: both see the same machine."""
        rounds, began = [], time.perf_counter()
        while len(rounds) < 5 or time.perf_counter() - began < seconds:
            self.dynamics.clear()
            self.critic.clear()
            whole = seconds_of(self.decide)
            model, critic = self.dynamics.seconds, self.critic.seconds
            rounds.append((whole, model, critic, seconds_of(self.floor)))
        middle = [statistics.median(x) for x in zip(*rounds[2:], strict=True)]
        return Spent(
            whole=middle[0], model=middle[1], critic=middle[2], floor=middle[3]
        )


def seconds_of(
    call: Callable[[], None], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one call."""
    began = clock()
    call()
    return clock() - began


def growth(
    settings: Sequence[Deliberation], sizes: Sequence[int], seconds: float
) -> tuple[float, list[float]]:
    """Exponent of a decision's time over the three largest sizes, and all times.

    All sizes in turn, in CPU seconds of one thread: who else uses the machine then
    bends the line less.
    """
    benches = [Bench(setting, 1) for setting in settings]
    rounds, began = [], time.perf_counter()
    while len(rounds) < 7 or time.perf_counter() - began < seconds * len(benches):
        rounds.append([seconds_of(b.decide, time.process_time) for b in benches])
    times = [statistics.median(taken) for taken in zip(*rounds[2:], strict=True)]
    slope, _ = np.polyfit(np.log(sizes[-3:]), np.log(times[-3:]), 1)
    return float(slope), times


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="per measurement")
    seconds, started = parser.parse_args().seconds, time.monotonic()
    rows = []
    for batch in BATCHES:
        for name, settings in BUDGETS.items():
            rows += decision_rows(f"B = {batch}, {name}", settings, batch, seconds)
    choose_runtime(threads=1)
    by_candidates = [Deliberation(samples=n, horizon=12) for n in CANDIDATES]
    by_horizon = [Deliberation(samples=256, horizon=n) for n in HORIZONS]
    for name, settings, sizes in (
        ("candidates", by_candidates, CANDIDATES),
        ("steps", by_horizon, HORIZONS),
    ):
        slope, times = growth(settings, sizes, seconds)
        for size, taken in zip(sizes, times, strict=True):
            rows.append(row(f"B = 1, {size} {name}", 1000 * taken, "ms"))
        rows.append(limit_row(f"exponent of {name}", slope, "", EXPONENT))
    print(write_result("speed", time.monotonic() - started, rows))


def decision_rows(
    name: str, settings: Deliberation, batch: int, seconds: float
) -> list[dict[str, Any]]:
    """What one size costs with one thread, and how fast it is with all cores."""
    bench, rows = Bench(settings, batch), []
    for threads in sorted({1, usable_cores()}):
        choose_runtime(threads=threads)
        spent = bench.spent(seconds)
        rate = batch / spent.whole
        rows.append(row(f"{name}, threads = {threads}", rate, "decisions/s"))
        if threads == 1:
            shares = [
                row(f"{name}: world model", spent.model / spent.whole, "share"),
                row(f"{name}: critic", spent.critic / spent.whole, "share"),
                row(f"{name}: outside both", spent.outside, "share"),
                row(f"{name}: ratio to the floor", spent.whole / spent.floor, "times"),
            ]
            if settings is LARGE:
                shares[2] = limit_row(
                    f"{name}: outside both", spent.outside, "share", OUTSIDE
                )
            rows += shares
    return rows


if __name__ == "__main__":
    main()
