"""Distance to a goal in the representation of the world model."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from telos.cost.compose import ObjectiveAlgebra
from telos.types import Trajectory


@dataclass(frozen=True, eq=False)
class LatentGoal(ObjectiveAlgebra):
    """Squared distance to the goal's latent, averaged over latent dimensions.

    The average keeps weights comparable between models of different D. Close latents
    need not be close in steps: this distance leads through walls, a critic does not.

    Args:
        goal_state: (B, D) encoded goal per environment, or (1, D) for all.
        told: (Z,) share of each of the leading numbers that is known of the goal. The
            rest of it counts as it is in what is judged; all is known by default, and
            else what follows the Z numbers does not count.

    Source: Zhou et al. 2024 (DINO-WM), section 3.3.
    """

    goal_state: Float[Tensor, "B D"]
    name: str = "latent goal"
    told: Float[Tensor, " Z"] | None = None

    def __post_init__(self) -> None:
        if self.goal_state.ndim != 2:
            raise ValueError(
                f"goal_state has shape {tuple(self.goal_state.shape)}, expected "
                "(B, D): one encoded goal per environment."
            )

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        goal = per_environment(self.goal_state, trajectory, self.name)
        apart = trajectory.future - goal
        if self.told is not None:
            apart = self.told.to(apart) * apart[..., : len(self.told)]
        return apart.square().mean(-1)


def per_environment(goal: Tensor, trajectory: Trajectory, name: str) -> Tensor:
    """(B, d) goals as (B, 1, 1, 1, d), to subtract from imagined quantities.

    Raises:
        ValueError: If there is neither one goal nor one per environment.
    """
    batch = trajectory.states.shape[0]
    if goal.shape[0] not in (1, batch):
        raise ValueError(
            f"objective {name!r} holds {goal.shape[0]} goals, but {batch} environments "
            "are planned for; give one goal per environment, or one for all."
        )
    return goal[:, None, None, None, :]
