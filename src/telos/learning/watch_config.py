"""Configuration of a training that watches, and the recipes that the sizes name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from telos.config import Size, from_dict, to_dict
from telos.data.splits import split_by_episode
from telos.envs.world import WorldSpec
from telos.learning.config import OptimiserConfig
from telos.learning.distributed import Team
from telos.learning.objectives import ObjectiveConfig
from telos.learning.watched import untrained_watched
from telos.perception.backbone import BackboneKind
from telos.perception.masking import MaskConfig, sample_masks
from telos.world_model.masked_watcher import (
    MaskedWatcher,
    MaskedWatcherConfig,
    sized_masked,
)
from telos.world_model.watcher_config import WatcherConfig, sized_watcher

TRIED_MASKS = 20
"""Masks drawn before a training, to see whether they leave anything."""
STEPS: dict[Size, int] = {"tiny": 3000, "small": 12000, "base": 60000}


@dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """One training, from clips to a watcher."""

    data: str
    """Episode file."""
    data_digest: str = ""
    """Fingerprint of the episodes."""
    world: str = ""
    """Id of the world that the episodes come from."""
    size: Size = "tiny"
    model: WatcherConfig | MaskedWatcherConfig = field(
        default_factory=lambda: sized_watcher("tiny")
    )
    """Predicts the next frame, or patches that masks hide."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    steps: int = 3000
    clips: int = 32
    """Clips in a batch."""
    length: int = 20
    """Frames of a clip."""
    frame_skip: int = 1
    """Recorded steps between two frames of a clip."""
    optimiser: OptimiserConfig = field(
        default_factory=lambda: OptimiserConfig(learning_rate=3e-3, weight_decay=1e-4)
    )
    teacher: str = ""
    """Run whose watcher is the frozen teacher, for objectives that have one; by default
    the teacher is the watcher as it begins, untrained."""
    shuffle_frames: bool = False
    """Control that must fail: the frames of an episode stand in random order."""
    held_out: float = 0.05
    """Share of episodes kept for the verdict."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    seed: int = 0


def watch_recipe(
    size: Size,
    effort: float = 1.0,
    *,
    backbone: BackboneKind = "keypoints",
    shape: tuple[int, int, int] = (32, 32, 3),
    masks: MaskConfig | None = None,
    length: int = 20,
) -> WatchConfig:
    """The configuration of a size, for frames of a shape.

    Args:
        size: tiny, small or base.
        effort: Multiplies the steps.
        backbone: Network that looks at frames.
        shape: (H, W, C) of frames as stored.
        masks: What is hidden of clips; by default the next frame is predicted.
        length: Frames of a clip.

    Raises:
        ValueError: If the size is unknown or the effort not positive.
    """
    if not effort > 0:
        raise ValueError(f"effort is {effort}, expected more than 0")
    steps = max(1, round(effort * STEPS[size]))
    if masks is None:
        model = sized_watcher(size, backbone, shape)
    else:
        model = sized_masked(size, masks, shape, length)
    return WatchConfig(data="", size=size, model=model, steps=steps, length=length)


def fitted_watch(
    config: WatchConfig, *, memory: int | None = None, ahead: int | None = None
) -> WatchConfig:
    """The same training with a memory and a foresight that clips of this length fill.

    Positions further back or ahead would never be trained. Who is told actions foresees
    the next frame alone.

    Args:
        config: Everything else.
        memory: Frames that predictions look at; all of a clip by default.
        ahead: Frames that are predicted from each; those of the size by default.

    Raises:
        ValueError: If a clip has fewer than two frames, or a number is below 1.
    """
    if isinstance(config.model, MaskedWatcherConfig):
        if memory is not None or ahead is not None:
            raise ValueError(
                "masks say what is seen and what is predicted; leave memory and ahead "
                "out"
            )
        return config
    most = config.length - 1
    if most < 1:
        raise ValueError(
            f"a clip of {config.length} frame(s) leaves nothing to predict; set the "
            "length to at least 2, or hide parts of images with masks"
        )
    for name, value in {"memory": memory, "ahead": ahead}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value} frames, expected at least 1")
    usual = 1 if config.model.action_dim else config.model.predictor.ahead
    predictor = replace(
        config.model.predictor,
        memory=most if memory is None else min(memory, most),
        ahead=min(usual if ahead is None else ahead, most),
    )
    return replace(config, model=replace(config.model, predictor=predictor))


def image_stream(spec: WorldSpec, wanted: str = "") -> str:
    """The stream to watch: the one that is wanted, or the only one with images.

    Raises:
        ValueError: If it is not recorded or holds no images, or there is none or more
            than one to choose from.
    """
    images = sorted(n for n, s in spec.streams.items() if len(s.shape) == 3)
    if wanted and wanted not in images:
        raise ValueError(
            f"stream {wanted!r} is no recorded stream of images; the file has {images}"
        )
    if not wanted and len(images) != 1:
        raise ValueError(
            f"the file has {len(images)} streams of images, {images}; "
            + ("name one with --stream" if images else "a watcher needs one")
        )
    return wanted or images[0]


def check_watchable(
    config: WatchConfig, lengths: np.ndarray, team: Team | None = None
) -> None:
    """Refuse what would only fail minutes later.

    Args:
        config: Resolved configuration.
        lengths: (E,) frames of each episode.
        team: The processes that are to share a batch.

    Raises:
        ValueError: If a name or number is not allowed, the frames do not suit the
            network, the episodes are too few or too short, or the processes cannot
            share a batch.
    """
    from_dict(WatchConfig, to_dict(config))
    for name in ("steps", "clips", "frame_skip", "checkpoint_every"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}, expected at least 1")
    model = config.model
    if isinstance(model, WatcherConfig) and model.backbone.kind == "frozen":
        raise ValueError(
            "a watcher learns to see, and the backbone frozen does not learn; choose "
            "another backbone"
        )
    if config.teacher and config.objective.kind != "frozen-teacher":
        raise ValueError(
            f"objective {config.objective.kind!r} takes no teacher from a run; leave "
            "--teacher out, or choose frozen-teacher"
        )
    fitted_watch(config)
    if team is not None:
        team.part(config.clips, "clips")
    untrained_watched(model, config.objective)
    if isinstance(model, MaskedWatcherConfig):
        if model.frames != config.length:
            raise ValueError(
                f"clips of {config.length} frames for a watcher that is built for "
                f"{model.frames}; make both the same"
            )
        grid = MaskedWatcher(model).grid
        for seed in range(TRIED_MASKS):
            draw = np.random.default_rng(seed)
            sample_masks(model.masks, grid, config.clips, draw)
    sides = split_by_episode(len(lengths), config.held_out, seed=config.seed)
    # A window has two frames at least, also where one of them is looked at.
    needed = max(1, config.length - 1) * config.frame_skip + 1
    for name, side in zip(("training", "the verdict"), sides, strict=True):
        longest = lengths[side].max()
        if longest < needed:
            raise ValueError(
                f"{name} needs episodes of {needed} frames, the longest has {longest}; "
                "record longer episodes, or lower the length or the frame skip"
            )
