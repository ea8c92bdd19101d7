"""JEPA: predict the representation of what comes next, not its pixels.

A latent state has two parts. The *state* moves within an episode and the predictor
moves it; the *context* stays within an episode (where the walls are) and is carried
along. Both come out of one encoder and are standardised, so that no part can shrink
away.

Source: LeCun 2022, "A Path Towards Autonomous Machine Intelligence", section 4.4; the
split into a slow and a fast part is ours (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.data.actions import ActionScale
from telos.perception.completion import Completion
from telos.perception.observation import ObservationEncoder
from telos.perception.reduction import build_reduction
from telos.types import Correction, Observation, Trajectory, Window
from telos.world_model.config import JEPAConfig
from telos.world_model.luck import spread_luck
from telos.world_model.predictors import build_predictor
from telos.world_model.seeing import require_streams
from telos.world_model.tokens import token_ends

STANDARDISE_EPS = 1e-8
"""Variance below which a latent dimension is not blown up to unit variance. Small: a
keypoint encoder starts with variances around 1e-4."""


class JEPA(nn.Module):
    """Encoder and predictor of one world.

    Args:
        config: Sizes and streams.
        action_scale: Action bounds of one model step, environment units.
    """

    def __init__(self, config: JEPAConfig, action_scale: ActionScale) -> None:
        super().__init__()
        self.config, self.action_scale = config, action_scale
        self.reduction = build_reduction(config.backbone)
        shapes = {n: config.seen_shape(s) for n, s in config.streams.items()}
        self.perception = ObservationEncoder(
            shapes, config.backbone, history=config.history, balanced=config.balanced
        )
        self.head, self.standardise = self._ends()
        self.predictor = build_predictor(
            config.predictor,
            config.state_dim,
            config.context_dim,
            config.action_dim,
            config.num_tokens,
        )
        self.completion = self._completion() if config.completes else None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def history(self) -> int:
        """Frames seen together."""
        return self.config.history

    @property
    def frame_skip(self) -> int:
        """Environment steps per model step."""
        return self.config.frame_skip

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that an observation must hold."""
        return tuple(self.config.streams)

    def prepare(self, observation: Observation) -> Observation:
        """Stored frames to what the trained layers see: images are reduced."""
        return {
            name: torch.from_numpy(self.reduced(observation[name].numpy()))
            if len(shape) == 3
            else observation[name]
            for name, shape in self.config.streams.items()
            if name in observation
        }

    def reduced(self, pixels: np.ndarray) -> np.ndarray:
        """Stored images (..., H, W, C) as trained layers see them: (..., h, w, F)."""
        return self.reduction(pixels, self.device)

    def encode(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """Latent states of stored frames (B, T, ...), newest last.

        Raises:
            ValueError: If a stream is missing.
        """
        require_streams(self.streams, observation)
        return self.encode_prepared(self._seen(observation))

    def complete(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """Latent states of stored frames at rest, of which streams may be missing.

        With all streams that is `encode`; else they are guessed from what is there.

        Raises:
            ValueError: If no stream is there, or the model has not learned to guess.
        """
        given = self._seen(observation)
        if len(given) == len(self.streams):
            return self.encode_prepared(given)
        if self.completion is None or not given:
            raise ValueError(
                f"of {', '.join(self.streams)} only {', '.join(given) or 'nothing'} "
                "is there, and this model has not learned to guess the rest: give all "
                "of them, or train it again with this version"
            )
        parts = self.perception.separate(given)
        batch, steps = next(iter(given.values())).shape[:2]
        flat = {name: part.flatten(0, 1).float() for name, part in parts.items()}
        return self.completion.complete(flat).view(batch, steps, -1)

    def told_by(self, streams: Iterable[str]) -> Float[Tensor, " Z"]:
        """Share of each number of the state that some of the streams tell, 0 to 1.

        0 for all but the whole where the model has not learned to guess.
        """
        if self.completion is not None:
            return self.completion.told_by(streams)
        whole = set(streams) >= set(self.streams)
        return torch.full((self.config.state_dim,), float(whole), device=self.device)

    def _seen(self, observation: Observation) -> Observation:
        """What the network sees of those streams that are there, where it computes."""
        seen = self.prepare({k: v.cpu() for k, v in observation.items()})
        return {k: v.to(self.device) for k, v in seen.items()}

    def encode_prepared(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """Latent states of frames that `prepare` has already reduced."""
        return self.standardised(self.features(observation))

    def features(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """Latent states before they are standardised: each frame for itself."""
        return self.head(self.perception(observation)).float()

    def standardised(self, features: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Latent states of features; in training mode by the batch's statistics."""
        return self.standardise(features.flatten(0, 1)).view(features.shape)

    def split(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """(..., D) into state (..., Z) and context (..., C)."""
        state, context = latent.split(
            [self.config.state_dim, self.config.context_dim], dim=-1
        )
        return state, context

    def per_token(self, state: Float[Tensor, "*b Z"]) -> Float[Tensor, "*b P d"]:
        """The tokens of flat states; a state that is one vector is one token."""
        return state.unflatten(-1, (self.config.num_tokens, -1))

    def imagine(
        self,
        latent: Float[Tensor, "N D"],
        actions: Float[Tensor, "N H A"],
        correction: Correction | None = None,
    ) -> Float[Tensor, "N H1 Z"]:
        """States after each action, the present first; the context is carried along.

        Args:
            latent: Where imagination starts.
            actions: One per model step.
            correction: From states and actions to what is added to the next states.
        """
        if not torch.is_grad_enabled():
            told = self._imagine(latent[:, None], actions[:, None], correction)
            return told[..., : self.config.state_dim]
        # Every step is a tensor of its own, as a backward pass wants it.
        state, context = self.split(latent)
        states = [state]
        for step in range(actions.shape[1]):
            first = max(0, step + 1 - self.predictor.memory)
            past = torch.stack(states[first:], dim=1)
            after = self.predictor(past, context, actions[:, first : step + 1])
            if correction is not None:
                after = after + correction(states[-1], actions[:, step])
            states.append(after)
        return torch.stack(states, dim=1)

    def _roll_with_gradient(
        self,
        latent: Float[Tensor, "B 1 D"],
        actions: Float[Tensor, "B S H A"],
        correction: Correction | None,
    ) -> Float[Tensor, "BS H1 D"]:
        now = latent.expand(-1, actions.shape[1], -1).flatten(0, 1)
        moved = self.imagine(now, actions.flatten(0, 1), correction)
        _, context = self.split(now)
        carried = context.unsqueeze(1).expand(-1, moved.shape[1], -1)
        return torch.cat([moved, carried], dim=-1)

    def _imagine(
        self,
        latent: Float[Tensor, "B 1 D"],
        actions: Float[Tensor, "B S H A"],
        correction: Correction | None,
        luck: Float[Tensor, "BS H"] | None = None,
    ) -> Float[Tensor, "BS H1 ZCA"]:
        """Every step is written into one tensor, and read from there by the next.

        A row holds state, context and action side by side, as predictors want them.
        The last row has no action.
        """
        (batch, samples, steps, _), size = actions.shape, self.config.state_dim
        latent_dim = self.config.latent_dim
        told = latent.new_empty(
            batch, samples, steps + 1, latent_dim + actions.shape[-1]
        )
        told[:, :, 0, :size] = latent[..., :size]
        told[..., size:latent_dim] = latent[:, :, None, size:]
        told[:, :, :-1, latent_dim:] = actions
        told[:, :, -1, latent_dim:] = 0.0
        told = told.flatten(0, 1)
        states, taken = told[..., :size].unbind(1), told[..., latent_dim:].unbind(1)
        # Tensors made inside cannot have a gradient later; `told` was made outside.
        with torch.inference_mode():
            predict = self.predictor.along(told, luck, shared=samples)
            for step in range(steps):
                predict(step)
                if correction is not None:
                    states[step + 1].add_(correction(states[step], taken[step]))
        return told

    def mismatch(
        self, latent: Float[Tensor, "N T1 D"], actions: Float[Tensor, "N T A"]
    ) -> Float[Tensor, ""]:
        """How badly imagination from the first latent on fits the others.

        The predictor goes on from its own states, and each step is compared with what
        was observed then: what training the predictor minimises.
        """
        observed, context = self.split(latent)
        context = context[:, 0]
        states, misfits = [observed[:, 0]], []
        for step in range(actions.shape[1]):
            first = max(0, step + 1 - self.predictor.memory)
            past = torch.stack(states[first:], dim=1)
            taken = actions[:, first : step + 1]
            target = observed[:, step + 1]
            misfits.append(self.predictor.mismatch(past, context, taken, target))
            if step + 1 < actions.shape[1]:
                states.append(self.predictor(past, context, taken))
        return torch.stack(misfits).mean()

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
        correction: Correction | None = None,
    ) -> Trajectory:
        """Imagine what every candidate action sequence leads to.

        Args:
            state: Encoded context, newest last.
            actions: Candidates, normalised to [-1, 1]; one per model step.
            futures: K. The first one is the most likely, the others are drawn if the
                predictor knows several outcomes, and else equal to it; they are equal,
                too, where gradients are wanted.
            generator: Of the draws, which all environments and candidates share.
            correction: From states (B * S, Z) and actions (B * S, A), sorted by B, to
                what is added to the next states.

        Returns:
            States (B, S, K, H+1, D); index 0 along H+1 is the present.

        Raises:
            ValueError: If the batch sizes or the action dimension differ.
        """
        self._check(state, actions)
        if futures > 1 and self.predictor.is_random and not torch.is_grad_enabled():
            states = self._draw(state[:, -1:], actions, futures, generator, correction)
            return Trajectory(states=states, actions=actions)
        if torch.is_grad_enabled():
            states = self._roll_with_gradient(state[:, -1:], actions, correction)
        else:
            told = self._imagine(state[:, -1:], actions, correction)
            states = told[..., : self.config.latent_dim]
        states = states.unflatten(0, actions.shape[:2]).unsqueeze(2)
        return Trajectory(
            states=states.expand(-1, -1, futures, -1, -1), actions=actions
        )

    def _draw(
        self,
        latent: Float[Tensor, "B 1 D"],
        actions: Float[Tensor, "B S H A"],
        futures: int,
        generator: torch.Generator | None,
        correction: Correction | None,
    ) -> Float[Tensor, "B S K H1 D"]:
        """Futures of a predictor that knows several outcomes, the likely one first."""
        (batch, samples, steps, _), device = actions.shape, actions.device
        source = device if generator is None else generator.device
        seed = torch.randint(2**31, (), generator=generator, device=source)
        luck = spread_luck(futures, steps, int(seed)).to(device)
        told = self._imagine(
            latent,
            actions.repeat_interleave(futures, dim=1),
            correction,
            luck.repeat(batch * samples, 1),
        )
        states = told[..., : self.config.latent_dim]
        return states.unflatten(0, (batch, samples, futures))

    def energy(self, window: Window) -> Float[Tensor, "B T"]:
        """Squared one-step prediction error of each transition, mean over states."""
        latent = self.encode(window.observations)
        now, after = latent[:, :-1].flatten(0, 1), latent[:, 1:].flatten(0, 1)
        moved = self.imagine(now, window.actions.flatten(0, 1).unsqueeze(1))[:, 1]
        error = (moved - self.split(after)[0]).square().mean(-1)
        return error.view(window.actions.shape[:2])

    def _check(self, state: Tensor, actions: Tensor) -> None:
        if len(state) != len(actions):
            raise ValueError(
                f"{len(state)} states but {len(actions)} sets of candidates; expected "
                "one set per environment"
            )
        if actions.shape[-1] != self.config.action_dim:
            raise ValueError(
                f"actions have {actions.shape[-1]} dimensions, this model was trained "
                f"with {self.config.action_dim}"
            )

    def _completion(self) -> Completion:
        """Drawn apart, so that all else starts from the weights it has without it."""
        with torch.random.fork_rng(devices=[]):
            return Completion(
                self.perception.widths, self.config.state_dim, self.config.latent_dim
            )

    def _ends(self) -> tuple[nn.Module, nn.Module]:
        """What makes latents of features, and what standardises them."""
        config, eps = self.config, STANDARDISE_EPS
        if config.has_tokens:
            return token_ends(config, self.perception.layout, eps)
        head = nn.Linear(self.perception.width, config.latent_dim)
        return head, nn.BatchNorm1d(config.latent_dim, eps=eps, affine=False)
