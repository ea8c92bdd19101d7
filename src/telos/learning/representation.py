"""Phase 1: encoder, predictor and inverse dynamics together, from windows of frames.

context of two frames of an episode  ->  the same, and different between episodes
states within an episode             ->  varied, decorrelated, predictable
states a step apart                  ->  reveal the action
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.data.prefetch import Batches
from telos.learning.config import RepresentationConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.losses import (
    InverseDynamics,
    covariance,
    group_residuals,
    invariance,
    prediction_loss,
    sigreg,
    smoothness,
    straightness,
    variance,
)
from telos.world_model import JEPA

STATE_SPREAD = 0.9
"""Standard deviation within episodes that the hinge asks for. All latents have unit
variance over the batch, so this leaves at most a fifth of it to the layout."""


class RepresentationPhase:
    """What trains the encoder.

    Each process of a team encodes its part of a batch. Everything after that is a
    matter of the whole batch, is cheap, and is computed by all of them.

    Args:
        model: Encoder and predictor.
        inverse: The head of the inverse-dynamics term.
        sampler: Windows of prepared frames: this process's part of each batch.
        config: Settings.
        seed: Decides the projections of SIGReg.
        team: The processes that train together.
    """

    name = "representation"

    def __init__(
        self,
        model: JEPA,
        inverse: InverseDynamics,
        sampler: Batches,
        config: RepresentationConfig,
        *,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.model, self.inverse = model, inverse
        self.sampler, self.config, self._seed = sampler, config, seed
        self._team = team
        self.optimiser, self.num_steps = config.optimiser, config.steps
        frames = config.length + model.history
        self.samples_per_step = config.episodes * config.windows * frames

    def parameters(self) -> list[nn.Parameter]:
        """Encoder, predictor and the inverse-dynamics head."""
        return [*self.model.parameters(), *self.inverse.parameters()]

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The weighted sum of all terms on the batch of a step."""
        self.model.train()
        state, context, actions = self._encode(step)
        told = from_another_window(context[:, 0], self.config.windows)
        first = torch.cat([state[:, 0], told], dim=-1)
        predicted = self.model.imagine(first, actions)[:, 1:]
        prediction = prediction_loss(predicted, state[:, 1:])
        persistence = prediction_loss(state[:, :1].expand_as(predicted), state[:, 1:])
        inverse = self.inverse(state, actions)
        guard, parts = self._guard(state, context, step)
        weights = self.config
        loss = weights.prediction * prediction + weights.inverse * inverse + guard
        if weights.smoothness:
            loss = loss + weights.smoothness * smoothness(state)
        if weights.straightness:
            bend = straightness(state)
            loss, parts = loss + weights.straightness * bend, {**parts, "bend": bend}
        skill = 1 - prediction.detach() / persistence.detach().clamp_min(1e-12)
        measured = {"prediction": prediction, "inverse": inverse, **parts}
        return loss, {
            **{name: value.detach() for name, value in measured.items()},
            "prediction_skill": skill,
        }

    def _encode(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """States (B, T+1, Z), contexts (B, T+1, C) and actions (B, T, A)."""
        window, team = self.sampler.batch(step), self._team
        device = self.model.device
        seen = {name: value.to(device) for name, value in window.observations.items()}
        skip = self.model.history - 1
        features = team.gather(self.model.features(seen))
        latent = self.model.standardised(features)[:, skip:]
        state, context = self.model.split(latent)
        return state, context, team.gather(window.actions.to(device))[:, skip:]

    def _guard(
        self, state: Tensor, context: Tensor, step: int
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Anti-collapse terms of both parts of the latent; one may have no context."""
        draw = torch.Generator().manual_seed(hash((self._seed, step)) % 2**63)
        loss, parts = self._state_guard(state, draw)
        if not context.shape[-1]:
            return loss, parts
        of_context, more = self._context_guard(context, draw)
        return loss + of_context, {**parts, **more}

    def _state_guard(
        self, state: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """States spread within episodes, and their dimensions are no copies.

        Variance and covariance are those of a token's numbers, over all tokens.
        """
        weights = self.config
        residuals = within_groups(state.unflatten(0, (-1, weights.windows)))
        if weights.anti_collapse == "none":
            return state.new_zeros(()), {}
        if weights.anti_collapse == "sigreg":
            normal = sigreg(residuals, generator=draw)
            return weights.sigreg * normal, {"state_sigreg": normal}
        tokens = self.model.per_token(residuals).flatten(0, 1)
        spread, copies = variance(tokens, STATE_SPREAD), covariance(tokens)
        loss = weights.state_variance * spread + weights.state_covariance * copies
        return loss, {"state_variance": spread, "state_covariance": copies}

    def _context_guard(
        self, context: Tensor, draw: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Contexts stay the same within an episode and spread between episodes."""
        weights = self.config
        groups = context.unflatten(0, (-1, weights.windows)).flatten(1, 2)
        same = invariance(groups)
        loss, parts = weights.invariance * same, {"invariance": same}
        views = groups[:, 0], groups[:, -1]
        if weights.anti_collapse == "none":
            return loss, parts
        if weights.anti_collapse == "sigreg":
            normal = sum((sigreg(view, generator=draw) for view in views), 0 * same)
            parts = {"context_sigreg": normal / 2, **parts}
            return loss + weights.sigreg * normal, parts
        spread = variance(views[0]) + variance(views[1])
        copies = covariance(views[0]) + covariance(views[1])
        loss = loss + weights.context_variance * spread
        loss = loss + weights.context_covariance * copies
        return loss, {"context_covariance": copies, **parts}


def from_another_window(
    context: Float[Tensor, "B C"], windows: int
) -> Float[Tensor, "B C"]:
    """Each window's context as seen in the next window of the same episode.

    A context is never exactly constant. Predicted from its own, a state could leave a
    part of what moves to the context, where imagination cannot move it.
    """
    return context.unflatten(0, (-1, windows)).roll(1, dims=1).flatten(0, 1)


def within_groups(
    state: Float[Tensor, "G W T Z"],
) -> Float[Tensor, "N Z"]:
    """What is left of states when the mean of their episode is taken away.

    They are `group_residuals` of an episode's windows.
    """
    episodes = torch.arange(len(state)).repeat_interleave(state[0, :, :, 0].numel())
    return group_residuals(state.flatten(0, 2), episodes)
