"""The decoder's place in a training: after the agent is stored, and beside it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from telos.config import atomic_write
from telos.data.recording import Recording
from telos.data.splits import split_by_episode
from telos.data.windows import WindowSampler
from telos.learning.config import TrainConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import LATENT
from telos.learning.loop import Loop
from telos.learning.modules import Modules
from telos.learning.outcome import save_verdict
from telos.learning.pictures import (
    SHOWN_BYTES,
    DecoderPhase,
    Shown,
    picture_skill,
    pictures_of,
    show,
)
from telos.runs import Checkpoint, Run
from telos.types import Verdict
from telos.world_model import JEPA, Decoder, save_decoder

STRIP = "imagined.png"
STRIP_STEPS = (0, 1, 2, 4, 8, 12, 16)
"""Model steps after the start at which pictures are put beside each other."""
STRIPS = 4
"""Windows on the page."""
SIDE, GAP = 96, 4
"""Pixels of a picture on the page at least, and between pictures."""
ROW = "row"


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Latents of the episodes that were trained on and of those held out."""

    train: Recording
    held_out: Recording


def train_decoder(
    loop: Loop,
    config: TrainConfig,
    modules: Modules,
    latents: Sides,
    recording: Recording,
    checkpoint: Checkpoint | None,
    say: Callable[[str], None],
) -> None:
    """Train the decoder, store it, and show what the model imagines on a page.

    Args:
        loop: Of the training.
        config: With a decoder.
        modules: Everything that was trained before; only the decoder changes.
        latents: As the later phases saw them.
        recording: All episodes, images as they were recorded.
        checkpoint: To go on from, if it is of this phase.
        say: Told how much of the pictures is shown.
    """
    assert modules.decoder is not None
    sides = split_by_episode(recording.num_episodes, config.held_out, seed=config.seed)
    train, held_out = (recording.select(side) for side in sides)
    loop.run(
        decoder_phase(config, modules, show(latents.train, train), loop.team),
        checkpoint,
    )
    if not loop.team.leads:
        return
    shown = show(latents.held_out, held_out, SHOWN_BYTES // 8)
    verdict = judge_pictures(modules.decoder, shown)
    assert config.decoder is not None
    save_verdict(loop.run_folder, DecoderPhase.name, verdict, config.decoder.steps)
    say(f"decoder: {verdict.text}")
    save_decoder(loop.run_folder, modules.decoder)
    save_strips(loop.run_folder, modules, latents.held_out, held_out, config.seed)


def decoder_phase(
    config: TrainConfig, modules: Modules, shown: Shown, team: Team = ALONE
) -> DecoderPhase:
    """The last phase, on latents and their pictures."""
    assert config.decoder is not None
    assert modules.decoder is not None
    return DecoderPhase(
        modules.decoder, shown, config.decoder, seed=config.seed, team=team
    )


def judge_pictures(decoder: Decoder, held_out: Shown) -> Verdict:
    """How much of what varies in pictures of held-out episodes is shown."""
    skill = picture_skill(decoder, held_out)
    # What cannot be shown need not be missing in the latents: nothing is judged bad.
    text = f"pictures of latents show {skill:.0%} of what varies in held-out frames"
    return Verdict(name="shown", text=text, evidence={"picture_skill": skill})


def save_strips(
    run: Run, modules: Modules, latents: Recording, stored: Recording, seed: int
) -> None:
    """Write what came and what was imagined, beside each other, as a PNG file."""
    assert modules.decoder is not None
    page = strips(modules.model, modules.decoder, latents, stored, seed)
    content = io.BytesIO()
    Image.fromarray(page).save(content, "PNG")
    atomic_write(run.path / STRIP, content.getvalue())


@torch.no_grad()
def strips(
    model: JEPA, decoder: Decoder, latents: Recording, stored: Recording, seed: int
) -> np.ndarray:
    """(H, W, 3) uint8: for each window a row of frames, below it what was imagined.

    Columns are `STRIP_STEPS` model steps after the first frame, from which on nothing
    was seen; the first picture of the lower row is that frame through the decoder.
    """
    longest = int(latents.lengths.max() - 1) // model.frame_skip
    steps = [step for step in STRIP_STEPS if step <= longest]
    numbered = {
        LATENT: latents.observations[LATENT],
        ROW: np.arange(latents.num_frames),
    }
    sampler = WindowSampler(
        replace(latents, observations=numbered),
        length=max(1, steps[-1]),
        batch=STRIPS,
        frame_skip=model.frame_skip,
        seed=seed,
    )
    window = sampler.batch(0)
    device = model.device
    first = window.observations[LATENT][:, :1].to(device)
    imagined = model.rollout(first, window.actions[:, None].to(device)).states[:, 0, 0]
    stream = "pixels" if "pixels" in decoder.parts else next(iter(decoder.parts))
    came = pictures_of(stored, stream, window.observations[ROW][:, steps].numpy())
    told = decoder.pictures(imagined[:, steps], stream)
    return _page(came.expand(*came.shape[:-1], 3).numpy(), told)


def _page(came: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Pictures (R, T, H, W, 3) above others, on white."""
    scale = -(-SIDE // max(came.shape[2:4]))
    both = np.stack([came, told], axis=1)
    large = both.repeat(scale, axis=3).repeat(scale, axis=4)
    rows, _, columns, height, width, _ = large.shape
    tall, wide = 2 * height + 3 * GAP, width + GAP
    page = np.full((rows * tall, columns * wide + GAP, 3), 255, np.uint8)
    for row, column in np.ndindex(rows, columns):
        for below in (0, 1):
            top = row * tall + GAP + below * (height + GAP)
            left = GAP + column * wide
            picture = large[row, below, column]
            page[top : top + height, left : left + width] = picture
    return page
