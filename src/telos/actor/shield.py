"""The shield: the last gate in front of the world, for deliberate and reactive action.

It stands after the planner, because a policy has no search that could respect a
guardrail, and because a search can fail. What it certifies is safe as far as the world
model and the calibrated buffers are right, and no further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.scoring import least, score_margins, smallest_margin
from telos.types import Certified, Dynamics, Guardrail, Status

_REASONS = {
    "proposal": "the proposed actions keep every margin",
    "backup": "the rest of the last certified plan keeps every margin",
    "stop": "stopping keeps every margin",
    "least": "no option keeps every margin; this one violates least",
    "unknown": "the model predicts nothing finite; stopping",
}


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What may be done, most wanted first: proposal, backup, stop."""

    names: tuple[str, ...]
    actions: Float[Tensor, "B S H A"]
    finite: Tensor
    """(B, S) whether the actions themselves are finite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shield:
    """Let an action pass if what follows it keeps every margin, else replace it.

    In order: the proposal and what its author wants to do next; the rest of the last
    certified plan; stopping; and if none is safe, whichever violates least.
    """

    dynamics: Dynamics
    guardrails: Sequence[Guardrail]
    stop: tuple[float, ...] | None = None
    """Normalised action that stops; None is all zeros."""
    horizon: int = 10
    """Steps to look ahead at least; a longer plan is checked to its end."""
    futures: int = 1
    """Latent draws in which every margin must hold to the end."""
    near_futures: int = 1
    """Latent draws in which every margin must hold over the first `near_steps`. What
    is renewed at every step has to survive whatever may happen before it can answer,
    not whatever may happen for ten steps (the robust horizon of Lucia, Finkler and
    Engell 2013, "Multi-stage nonlinear model predictive control")."""
    near_steps: int = 1
    """Steps before the next decision can answer."""
    futures_seed: int = 0
    """Seed of these draws."""
    tail: float = 0.0
    """Share of the futures, the worst ones, whose mean margin must be positive; 0 is
    the worst case."""

    @torch.no_grad()
    def certify(
        self,
        state: Float[Tensor, "B T D"],
        action: Float[Tensor, "B A"],
        *,
        rest: Float[Tensor, "B L A"] | None = None,
        backup: Float[Tensor, "B L A"] | None = None,
    ) -> Certified:
        """Decide what is executed now.

        Args:
            state: Context of the present, newest last.
            action: Proposed normalised action; out of range is clipped.
            rest: What would follow it; None means to stop after it.
            backup: What remains of the last certified plan, starting now.

        Returns:
            `certified` for the proposal, `backup` for another safe option,
            `infeasible` for the least violation.
        """
        options = self._options(action, rest, backup)
        margin, violation = self._judged(state, options.actions, self.futures)
        if self.near_futures > 1:
            near = options.actions[:, :, : self.near_steps]
            closest, deepest = self._judged(state, near, self.near_futures)
            margin = torch.minimum(margin, closest)
            violation = torch.maximum(violation, deepest)
        margin = torch.where(options.finite, margin, -torch.inf)
        violation = torch.where(options.finite, violation, torch.inf)
        return _decide(options, margin, violation)

    def _judged(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int,
    ) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S"]]:
        """Smallest margin and depth of the violation; the worst where unknown."""
        trajectory = self.dynamics.rollout(
            state,
            actions,
            futures=futures,
            generator=torch.Generator(state.device).manual_seed(self.futures_seed),
        )
        margins, violation = score_margins(trajectory, self.guardrails, self.tail)
        known = torch.isfinite(trajectory.states.flatten(2).sum(-1))
        margin = torch.where(known, smallest_margin(margins), -torch.inf)
        return margin, torch.where(known, violation, torch.inf)

    def _options(
        self, action: Tensor, rest: Tensor | None, backup: Tensor | None
    ) -> _Options:
        lengths = [1 + part.shape[1] for part in (rest, backup) if part is not None]
        stop = self._stop(action, max(self.horizon, *lengths, 1))
        now = action[:, None]
        proposal = now if rest is None else torch.cat([now, rest], dim=1)
        named = {"proposal": proposal, "backup": backup, "stop": stop[:, :0]}
        given = {name: plan for name, plan in named.items() if plan is not None}
        plans = torch.stack([_fit(plan, stop) for plan in given.values()], dim=1)
        finite = torch.isfinite(plans).flatten(2).all(-1)
        actions = torch.where(finite[..., None, None], plans, stop[:, None])
        return _Options(
            names=tuple(given), actions=actions.clamp(-1.0, 1.0), finite=finite
        )

    def _stop(self, action: Tensor, horizon: int) -> Float[Tensor, "B H A"]:
        size = action.shape[-1]
        values = (0.0,) * size if self.stop is None else self.stop
        if len(values) != size:
            raise ValueError(
                f"the stop action has {len(values)} numbers, the actions have {size}."
            )
        return action.new_tensor(values).expand(len(action), horizon, size)


def _fit(plan: Tensor, stop: Tensor) -> Float[Tensor, "B H A"]:
    """After the end of a plan comes stopping."""
    return torch.cat([plan, stop[:, plan.shape[1] :]], dim=1)


def _decide(options: _Options, margin: Tensor, violation: Tensor) -> Certified:
    """The first safe option per environment, else the one that violates least."""
    safe = margin > 0
    first_safe = safe.to(torch.int8).argmax(-1)
    first_least = least(violation).to(torch.int8).argmax(-1)
    unknown = torch.isinf(violation).all(-1)
    stop = torch.full_like(first_least, len(options.names) - 1)
    fallback = torch.where(unknown, stop, first_least)
    chosen = torch.where(safe.any(-1), first_safe, fallback)
    rows = torch.arange(len(chosen), device=chosen.device)
    picks = zip(chosen.tolist(), safe.any(-1).tolist(), unknown.tolist(), strict=True)
    keys = [
        options.names[pick] if is_safe else ("unknown" if is_unknown else "least")
        for pick, is_safe, is_unknown in picks
    ]
    return Certified(
        action=options.actions[rows, chosen, 0],
        status=tuple(_status(key) for key in keys),
        margin=margin[rows, chosen],
        reason=tuple(_REASONS[key] for key in keys),
    )


def _status(key: str) -> Status:
    if key == "proposal":
        return "certified"
    return "backup" if key in ("backup", "stop") else "infeasible"
