"""Plan through dynamics of your own, around a disc that must not be entered.

Nothing is learned here: a planner takes any object with `rollout`. The dynamics is a
point with velocity and drag, the objective is a place, the guardrail is a disc on the
straight way to it. Two seconds on a laptop:

    python examples/01_plan_through_your_own_dynamics.py
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from telos.actor import ICEM, ICEMConfig, RecedingHorizon, Shield
from telos.cost import Effort, GoalReadout, KeepOutDisc, identity_readout
from telos.types import Trajectory

GOAL = (2.0, 0.0)
DISC = (1.0, 0.05)
"""Slightly above the straight way, so that the way below is shorter."""
RADIUS = 0.4
STEPS = 45


class Drifting:
    """A state is (x, y, vx, vy) in metres and metres per step."""

    def rollout(
        self,
        state: torch.Tensor,
        actions: torch.Tensor,
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Imagine (B, S, H, 2) action sequences from the newest of (B, T, 4) states."""
        now = state[:, -1, None].expand(-1, actions.shape[1], -1)
        visited = [now]
        for step in range(actions.shape[2]):
            velocity = 0.6 * now[..., 2:] + 0.05 * actions[:, :, step]
            now = torch.cat([now[..., :2] + velocity, velocity], -1)
            visited.append(now)
        states = torch.stack(visited, 2)[:, :, None]
        # This world is certain, so that all K futures are the same one.
        return Trajectory(
            states=states.expand(-1, -1, futures, -1, -1), actions=actions
        )


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What happened."""

    states: torch.Tensor
    """(STEPS + 1, 4)."""
    margin: float
    """Smallest distance from the disc over the whole path, metres."""
    statuses: tuple[str, ...]
    """What the shield said at each step."""

    @property
    def distance(self) -> float:
        """From the goal at the end, metres."""
        return float((self.states[-1, :2] - torch.tensor(GOAL)).norm())


def walk(*, guarded: bool = True, seed: int = 0) -> Walk:
    """Plan, let the shield look at the plan, make one step, plan again."""
    position = identity_readout(4, [0, 1], unit="m", name="position")
    disc = KeepOutDisc(readout=position, center=DISC, radius=RADIUS, buffer=0.01)
    objective = GoalReadout(position, torch.tensor([GOAL])) + 0.01 * Effort()
    world, rails = Drifting(), [disc] if guarded else []
    horizon = RecedingHorizon(ICEM(ICEMConfig(horizon=20, samples=128)))
    shield = Shield(dynamics=world, guardrails=rails)
    generators = [torch.Generator().manual_seed(seed)]

    visited, statuses = [torch.zeros(1, 4)], []
    for _ in range(STEPS):
        state = visited[-1][:, None]
        horizon.replan(world, state, objective, rails, generators)
        intended = horizon.intended
        certified = shield.certify(
            state, intended[:, 0], rest=intended[:, 1:], backup=horizon.backup
        )
        horizon.advance(certified)
        statuses.append(certified.status[0])
        moved = world.rollout(state, certified.action[:, None, None])
        visited.append(moved.states[:, 0, 0, -1])
    states = torch.cat(visited)
    # The same class that guards the plan measures the path that was really taken.
    path = Trajectory(states=states[None, None, None], actions=torch.zeros(1, 1, 0, 2))
    margin = float(disc.margin(path).min()) + disc.buffer
    return Walk(states=states, margin=margin, statuses=tuple(statuses))


def main() -> None:
    """With the guardrail and without."""
    for guarded in (True, False):
        made = walk(guarded=guarded)
        told = "told of the disc    " if guarded else "not told of the disc"
        print(
            f"{told}  {made.distance:.2f} m from the goal at the end, "
            f"nearest to the disc {made.margin:+.2f} m, "
            f"{made.statuses.count('certified')} of {STEPS} steps certified"
        )


if __name__ == "__main__":
    main()
