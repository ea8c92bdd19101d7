"""Watcher: latents of frames, and what each should be, seen from those before it.

The joint-embedding predictive architecture for clips: a frame is encoded for itself, a
causal transformer predicts the latent of the next one. What just happens and what an
agent does are one class: an action of no numbers is no action.

Sources: LeCun 2022, "A Path Towards Autonomous Machine Intelligence", section 4.4;
Garrido et al. 2025 (2502.11831) for surprise as the error of a predicted latent.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from telos.perception import build_reduction
from telos.world_model.frame_encoder import FrameEncoder
from telos.world_model.predictors.causal import CausalPredictor
from telos.world_model.watcher_config import WatcherConfig


class Watcher(nn.Module):
    """Encoder of frames and causal predictor of their latents.

    Args:
        config: Sizes.

    Raises:
        ValueError: If the frames do not suit the backbone, or a size is not allowed.
    """

    def __init__(self, config: WatcherConfig) -> None:
        super().__init__()
        self.config = config
        self.reduction = build_reduction(config.backbone)
        self.encoder = FrameEncoder(config.seen_shape, config.backbone, config.dim)
        how = config.predictor
        self.predictor = CausalPredictor(
            config.dim,
            config.action_dim,
            how.memory,
            width=how.width,
            depth=how.depth,
            ahead=how.ahead,
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.predictor.position.device

    @property
    def picture(self) -> tuple[int, int, int]:
        """(h, w, C) of a frame as the trained layers see it."""
        return self.config.seen_shape

    @property
    def memory(self) -> int:
        """The most frames that a prediction looks at."""
        return self.predictor.memory

    def reduced(self, pixels: UInt8[np.ndarray, "*n H W C"]) -> np.ndarray:
        """Stored frames as the trained layers see them."""
        return self.reduction(pixels, self.device)

    def encode(self, frames: UInt8[Tensor, "B T h w C"]) -> Float[Tensor, "B T D"]:
        """Latents of frames that `reduced` has been over."""
        return self.encoder(frames)

    def predict(
        self,
        latents: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B T A"] | None = None,
        memory: int | None = None,
    ) -> Float[Tensor, "B T D"]:
        """What comes next after each frame; entry t is about frame t + 1.

        See `foresee`, of which this is the first.
        """
        return self.foresee(latents, actions, memory)[:, :, 0]

    def foresee(
        self,
        latents: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B T A"] | None = None,
        memory: int | None = None,
    ) -> Float[Tensor, "B T K D"]:
        """What comes after each frame; entry (t, k) is about frame t + 1 + k.

        Args:
            latents: Of consecutive frames.
            actions: That leave them; None where the watcher is told none.
            memory: Frames that a prediction may look at, the newest ones; by default
                as many as the predictor can. A prediction is then that of a clip which
                begins with the first of them: frames before have no influence at all.

        Raises:
            ValueError: If the memory is below 1, or actions are missing or have
                another number of dimensions.
        """
        actions = self._told(latents, actions)
        reach = self.memory if memory is None else min(memory, self.memory)
        if reach < 1:
            raise ValueError(f"memory is {memory} frames, expected at least 1")
        early = self.predictor(latents[:, :reach], actions[:, :reach])
        if latents.shape[1] <= reach:
            return early
        # A mask would not do: through the latents of the layer below, a frame within
        # reach tells of frames beyond it.
        late = self.predictor(_cuts(latents, reach), _cuts(actions, reach))[:, -1]
        return torch.cat([early, late.unflatten(0, (len(latents), -1))], dim=1)

    def imagine(
        self,
        latents: Float[Tensor, "B T D"],
        hidden: Bool[Tensor, "B T"],
        actions: Float[Tensor, "B T A"] | None = None,
        memory: int | None = None,
    ) -> Float[Tensor, "B T D"]:
        """`predict`, with predictions in the place of hidden frames.

        A run of hidden frames is imagined one after the other, each from those that
        were seen or imagined before it. The first frame cannot be hidden.

        Raises:
            ValueError: If it is, and where `predict` raises.
        """
        if bool(hidden[:, 0].any()):
            raise ValueError("the first frame of a clip cannot be hidden")
        actions = self._told(latents, actions)
        reach = self.memory if memory is None else min(memory, self.memory)
        taken, predicted = latents.clone(), torch.empty_like(latents)
        for t in range(latents.shape[1]):
            recent = slice(max(0, t + 1 - reach), t + 1)
            after = self.predict(taken[:, recent], actions[:, recent], reach)[:, -1]
            predicted[:, t] = after
            if t + 1 < latents.shape[1]:
                unseen = hidden[:, t + 1].unsqueeze(-1)
                taken[:, t + 1] = torch.where(unseen, after, taken[:, t + 1])
        return predicted

    def _told(self, latents: Tensor, actions: Tensor | None) -> Tensor:
        wanted = self.config.action_dim
        if actions is None and wanted == 0:
            return latents.new_empty(*latents.shape[:2], 0)
        found = None if actions is None else actions.shape[-1]
        if actions is None or found != wanted:
            raise ValueError(
                f"this watcher is told actions of {wanted} numbers, given are "
                f"{'none' if found is None else found}"
            )
        return actions


def _cuts(sequence: Float[Tensor, "B T D"], length: int) -> Float[Tensor, "N L D"]:
    """All cuts of a length, but for the first of each row; those of a row in order."""
    return sequence.unfold(1, length, 1)[:, 1:].transpose(2, 3).flatten(0, 1)
