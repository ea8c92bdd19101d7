"""What is suspicious about a recording, found before a model is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from telos.data.frames import Frames
from telos.data.recording import Recording

Level = Literal["ok", "warning", "error"]

SATURATED = 0.98
"""Share of its bound from which an action counts as saturated."""
MANY = 0.5
"""Share from which saturated actions or still frames are worth a warning."""
LAG_GAIN = 0.05
"""Explained variance by which a shifted pairing must win to be suspected."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check and what came out."""

    check: str
    level: Level
    text: str


def check_recording(recording: Recording) -> list[Finding]:
    """Run every check: `check_tables` and `check_streams`."""
    return [*check_tables(recording), *check_streams(recording)]


def check_tables(recording: Recording) -> list[Finding]:
    """Check actions, labels and seeds; observations may be left out of the recording.

    Looks for non-finite values, actions that never change or are mostly at a bound,
    seeds that occur twice, and actions that stand one row beside the frame that they
    leave.
    """
    actions = recording.actions[transitions(recording)]
    labels = {f"labels/{name}": array for name, array in recording.labels.items()}
    return [
        _non_finite("actions and labels", {"actions": actions, **labels}),
        *_actions(recording, actions),
        _repeated_seeds(recording),
        *_alignment(recording),
    ]


def check_streams(recording: Recording) -> list[Finding]:
    """Check that observations are finite, and move when actions are taken."""
    return [
        _non_finite("observations", recording.observations),
        *_still_streams(recording),
    ]


def transitions(recording: Recording) -> np.ndarray:
    """Rows of all frames that an action leaves."""
    leaves = np.ones(recording.num_frames, bool)
    leaves[recording.starts + recording.lengths - 1] = False
    return np.flatnonzero(leaves)


def explained_variance(inputs: np.ndarray, targets: np.ndarray) -> float:
    """R2 of the least-squares fit of (N, D) targets by (N, A) inputs and a constant.

    Dimensions of the targets that never change do not count; 0 if none changes.
    """
    centred = targets - targets.mean(axis=0)
    total = float((centred**2).sum())
    if total == 0:
        return 0.0
    design = np.column_stack([inputs, np.ones(len(inputs))])
    fit = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    return 1.0 - float(((centred - fit) ** 2).sum()) / total


def _non_finite(where: str, arrays: Mapping[str, Frames]) -> Finding:
    bad = {
        name: int((~np.isfinite(array)).sum())
        for name, array in arrays.items()
        if array.dtype.kind == "f"
    }
    text = ", ".join(f"{name} has {count}" for name, count in bad.items() if count)
    check = f"non-finite values in {where}"
    return _finding(check, text, level="error", fine="none")


def _actions(recording: Recording, actions: np.ndarray) -> Iterator[Finding]:
    if recording.spec.action_dim == 0:
        text = "there are none: the recording can be looked at, not trained on"
        yield _finding("actions", text, fine="")
        return
    yield _constant_actions(actions)
    yield _saturated_actions(recording, actions)


def _constant_actions(actions: np.ndarray) -> Finding:
    still = np.flatnonzero(np.ptp(actions, axis=0) == 0).tolist()
    text = f"dimensions {still} never change: nothing can be learned of them"
    return _finding("constant actions", text if still else "", fine="every one varies")


def _saturated_actions(recording: Recording, actions: np.ndarray) -> Finding:
    spec = recording.spec
    middle = (spec.action_high + spec.action_low) / 2
    reach = (spec.action_high - spec.action_low) / 2
    share = (np.abs(actions - middle) >= SATURATED * reach).mean(axis=0)
    worst = int(share.argmax())
    text = f"dimension {worst} is at its bound in {share[worst]:.0%} of steps"
    many = share[worst] > MANY
    return _finding("saturated actions", text if many else "", fine=f"at most: {text}")


def _still_streams(recording: Recording) -> Iterator[Finding]:
    """Streams that do not change although actions are taken.

    A label may be constant in an episode (a layout); an observation should move.
    """
    rows = transitions(recording)
    for name, array in recording.observations.items():
        before, after = array[rows], array[rows + 1]
        still = (before == after).reshape(len(rows), -1).all(axis=1).mean()
        text = f"{name} does not change in {still:.0%} of steps"
        yield _finding(f"motion of {name}", text if still > MANY else "", fine=text)


def _repeated_seeds(recording: Recording) -> Finding:
    repeated = recording.num_episodes - len(np.unique(recording.seeds))
    text = f"{repeated} episodes repeat the seed of another: possible duplicates"
    return _finding("seeds", text if repeated else "", fine="all different")


def _alignment(recording: Recording) -> Iterator[Finding]:
    """Compare how well the action of this row and of the next explain the change.

    When the next row's action explains the change better, the recorder stored each
    action beside the frame that it led to. The previous row's is not compared: inertia
    makes it a good predictor in a correct recording.
    """
    changes = _changes(recording)
    if changes is None or recording.spec.action_dim == 0:
        return
    rows, change = changes
    now = explained_variance(recording.actions[rows], change)
    following = explained_variance(recording.actions[rows + 1], change)
    text = f"the action explains {now:.0%} of the change of labels in the same row"
    shifted = (
        f"{text}, that of the next row {following:.0%}: actions stand one row late"
    )
    suspect = following > now + LAG_GAIN
    yield _finding("alignment", shifted if suspect else "", fine=text)


def _changes(recording: Recording) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows whose next row also has an action, and the standardised change of labels."""
    rows = transitions(recording)
    rows = rows[np.isfinite(recording.actions[rows + 1]).all(axis=1)]
    # Time passes whatever is done; its tiny irregularities would count as changes.
    known = {name: v for name, v in recording.labels.items() if name != "time"}
    floats = [v for v in known.values() if v.dtype.kind == "f"]
    if len(rows) < 2 or not floats:
        return None
    parts = [(v[rows + 1] - v[rows]).reshape(len(rows), -1) for v in floats]
    change = np.concatenate(parts, axis=1).astype(np.float64)
    deviation = change.std(axis=0)
    return rows, change[:, deviation > 0] / deviation[deviation > 0]


def _finding(check: str, text: str, *, fine: str, level: Level = "warning") -> Finding:
    """A finding that is bad exactly when it has a text."""
    if text:
        return Finding(check=check, level=level, text=text)
    return Finding(check=check, level="ok", text=fine)


def histogram(values: np.ndarray, low: float, high: float, bins: int) -> Sequence[int]:
    """Counts of values between two bounds; what lies outside counts at the ends."""
    clipped = np.clip(values, low, high)
    return np.histogram(clipped, bins=bins, range=(low, high))[0].tolist()
