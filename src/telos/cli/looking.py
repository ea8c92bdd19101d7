"""What `telos surprise` looks with: a trained watcher, or a control that needs none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from telos.evaluation.surprise import Windows

CONTROLS = {"frame-difference": 2, "copy-last": 2, "linear-extrapolation": 3}
"""Control -> frames that it looks at, the one that it judges included."""
CONTROL_SIZE = (64, 64)
MOST_EPISODES = 200
"""Episodes of a file that a threshold is taken from."""


@dataclass(frozen=True, kw_only=True)
class Looking:
    """Something that can be surprised, and how it wants to see."""

    name: str
    watching: Windows
    """Through windows, so that clips may be of any length."""
    size: tuple[int, int]
    """Height and width of frames."""
    window: int
    """Frames that it looks at, the one that it judges included."""
    every: int = 1
    """Frames of a recording that it moves on by."""


def load_looking(model: str, window: int | None, device: str) -> Looking:
    """A run folder of `telos watch`, or the name of a control.

    Args:
        model: Which.
        window: Frames to look at; None for as many as the model was trained on.
        device: Where a trained model runs.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the run holds no watcher, or the window is too short.
    """
    from telos.evaluation.surprise import Windows

    if model in CONTROLS and not Path(model).exists():
        from telos.evaluation.surprise import controls

        kinds = {
            "frame-difference": controls.FrameDifference,
            "copy-last": controls.CopyLast,
            "linear-extrapolation": controls.LinearExtrapolation,
        }
        length = CONTROLS[model] if window is None else window
        if length < CONTROLS[model]:
            raise ValueError(f"{model} looks at {CONTROLS[model]} frames, not {length}")
        return Looking(
            name=model,
            watching=Windows(kinds[model](), length),
            size=CONTROL_SIZE,
            window=length,
        )
    if not Path(model).exists():
        raise FileNotFoundError(
            f"{model} is no run folder of `telos watch`, and no control "
            f"({', '.join(CONTROLS)})"
        )
    return _trained(model, window, device)


def _trained(model: str, window: int | None, device: str) -> Looking:
    from telos.config import load_json
    from telos.evaluation.surprise import Windows
    from telos.learning.watched import load_watcher
    from telos.world_model.watcher_config import WatcherConfig

    watched = load_watcher(model, device)
    config = watched.watcher.config
    height, width, colours = config.shape
    if colours != 3:
        raise ValueError(f"{model} watches {colours} channels, a video has 3")
    if isinstance(config, WatcherConfig) and config.action_dim:
        raise ValueError(
            f"{model} is told actions, and a video has none; train with --no-actions"
        )
    length = watched.watcher.memory + 1 if window is None else window
    return Looking(
        name=model,
        watching=Windows(watched, length),
        size=(height, width),
        window=length,
        every=int(load_json(Path(model) / "config.json").get("frame_skip", 1)),
    )


def calm_surprise(
    looking: Looking,
    paths: Sequence[Path],
    *,
    fps: float | None,
    memory: int | None,
    say: Callable[[str], None],
) -> np.ndarray:
    """Surprise of every predicted frame of videos and episode files, (N,).

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If one cannot be read, or an episode file holds no images.
    """
    from telos.evaluation.surprise import read_video

    traces = []
    for path in paths:
        say(f"threshold from {path}")
        if path.suffix == ".h5":
            clips = _episodes(path, looking)
        else:
            clips = [read_video(path, size=looking.size, fps=fps).frames]
        traces += [looking.watching.trace(c[None], memory)[0] for c in clips]
    values = np.concatenate(traces)
    return values[~np.isnan(values)]


def _episodes(path: Path, looking: Looking) -> list[np.ndarray]:
    from telos.data.formats.resize import resize
    from telos.data.recording import spread
    from telos.data.store import EpisodeFile

    file = EpisodeFile(path)
    images = [n for n, s in file.spec.streams.items() if len(s.shape) == 3]
    if not images:
        raise ValueError(f"{path} holds no images; a video is made of some")
    chosen = spread(file.num_episodes, MOST_EPISODES)
    recording = file.load(chosen, streams=images[:1])
    found = []
    for number in range(recording.num_episodes):
        frames = np.asarray(recording.episode(number).observations[images[0]])
        found.append(resize(frames[:: looking.every], looking.size))
    return [clip for clip in found if len(clip) >= looking.window]
