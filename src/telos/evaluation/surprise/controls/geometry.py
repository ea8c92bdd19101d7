"""Surprise as an irregular path of single-frame features, without a world model.

Five signals of the path that the frames of a clip take through the features of a frozen
per-frame encoder. On a published benchmark they reach what large video models do not
("GeoPhys", 2606.20707); so a claim about physics needs stimuli on which they do not.
Re-derived from the description of the signals.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8

from telos.evaluation.surprise.controls.features import Features, clip_features
from telos.evaluation.surprise.watching import check_clips, check_memory

SIGNALS = ("step", "turn", "turn-variability", "acceleration", "linear-residual")
HISTORY = 4
"""Frames that turns are compared over, and that the linear predictor sees."""


def signals(path: Float[np.ndarray, "B T D"]) -> Mapping[str, Float[np.ndarray, "B T"]]:
    """Every signal at every frame; NaN where too few frames came before.

    step is the length of the last step; turn the angle between the last two, radians;
    turn-variability the deviation of the newest turns; acceleration the length of the
    change of the step; linear-residual the error of the best line through the newest
    frames, followed on to this one.
    """
    step = np.diff(path, axis=1)
    length = np.linalg.norm(step, axis=-1)
    turn = _turns(step, length)
    windows = _trailing(turn, HISTORY)
    values = {
        "step": length,
        "turn": turn,
        "turn-variability": windows.std(axis=-1),
        "acceleration": np.linalg.norm(np.diff(step, axis=1), axis=-1),
        "linear-residual": _line_errors(path),
    }
    return {name: _late(value, path.shape[1]) for name, value in values.items()}


class GeometrySignal:
    """One of the five signals as a surprise.

    Args:
        features: Of a single frame.
        signal: One of `SIGNALS`.
    """

    def __init__(self, features: Features, signal: str) -> None:
        if signal not in SIGNALS:
            raise ValueError(f"unknown signal {signal!r}: expected one of {SIGNALS}")
        self._features, self._signal = features, signal

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`."""
        check_memory(memory, HISTORY + 1)
        return signals(clip_features(self._features, check_clips(clips)))[self._signal]


class GeometryScore:
    """All five signals together, each in deviations from possible clips.

    Args:
        features: Of a single frame.
        clips: Possible clips that say how large each signal usually is.
    """

    def __init__(
        self, features: Features, clips: UInt8[np.ndarray, "B T H W 3"]
    ) -> None:
        self._features = features
        usual = signals(clip_features(features, check_clips(clips)))
        known = {name: value[~np.isnan(value)] for name, value in usual.items()}
        self._centre = {name: float(value.mean()) for name, value in known.items()}
        self._scale = {n: max(float(value.std()), 1e-9) for n, value in known.items()}

    def trace(
        self, clips: UInt8[np.ndarray, "B T H W 3"], memory: int | None = None
    ) -> Float[np.ndarray, "B T"]:
        """See `Watching.trace`; NaN until every signal is known."""
        check_memory(memory, HISTORY + 1)
        found = signals(clip_features(self._features, check_clips(clips)))
        scaled = [(found[n] - self._centre[n]) / self._scale[n] for n in SIGNALS]
        return np.mean(scaled, axis=0)


def _turns(step: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Angles between consecutive steps; 0 where nothing moves."""
    product = (step[:, 1:] * step[:, :-1]).sum(-1)
    size = length[:, 1:] * length[:, :-1]
    moving = size > 1e-12
    cosine = np.where(moving, product / np.where(moving, size, 1.0), 1.0)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _trailing(values: np.ndarray, length: int) -> np.ndarray:
    """(B, n, length) windows that end at each value from the length-th on."""
    if values.shape[1] < length:
        return np.empty((len(values), 0, length))
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=1)


def _line_errors(path: np.ndarray) -> np.ndarray:
    """Distance of each frame from the line through the frames before it."""
    windows = _trailing(path, HISTORY + 1)
    if not windows.shape[1]:
        return np.empty((len(path), 0))
    time = np.stack([np.ones(HISTORY), np.arange(HISTORY)], axis=1)
    fit = np.linalg.solve(time.T @ time, time.T)
    weights = np.array([1.0, HISTORY]) @ fit
    predicted = windows[..., :-1] @ weights
    return np.linalg.norm(windows[..., -1] - predicted, axis=-1)


def _late(values: np.ndarray, frames: int) -> np.ndarray:
    missing = frames - values.shape[1]
    return np.pad(values, ((0, 0), (missing, 0)), constant_values=np.nan)
