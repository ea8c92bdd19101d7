"""All checks on one episode file, and what of it they looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from telos.data.checks.actions import action_rows, check_actions
from telos.data.checks.alignment import check_alignment
from telos.data.checks.cameras import check_camera
from telos.data.checks.clips import (
    TIME,
    Clips,
    Frames,
    frame_bytes,
    read_clips,
    read_frames,
    small_columns,
)
from telos.data.checks.copies import check_copies
from telos.data.checks.finding import Finding, Level, plural
from telos.data.checks.motion import Features, of_column, of_frames
from telos.data.checks.sampling import Sampling, short_clips, whole_episodes
from telos.data.checks.tables import check_lengths, check_seeds, check_values
from telos.data.checks.timing import check_time
from telos.data.preview import image_streams
from telos.data.store import EpisodeFile

WINDOW = 4
"""Transitions of the longest window that training asks for with its usual settings."""
STATE_CLIPS = 4
"""So many times more clips of states than of frames: they cost little."""
ORDER: tuple[Level, ...] = ("error", "warning", "ok")


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found in an episode file."""

    findings: Sequence[Finding]
    """Errors first, then warnings, then what is fine."""
    actions: Sequence[dict[str, object]]
    """Bounds, mean, deviation and histogram of every action dimension."""
    looked_at: Sequence[str]
    """How much was read, in words."""

    def count(self, level: Level) -> int:
        """Findings of a level."""
        return sum(finding.level == level for finding in self.findings)


def inspect_file(
    file: EpisodeFile,
    *,
    window: int = WINDOW,
    sampling: Sampling | None = None,
    say: Callable[[str], None] = lambda stage: None,
) -> Inspection:
    """Run every check.

    Args:
        file: An episode file of any size; memory stays within the limits of
            ``sampling``.
        window: Transitions of a training window.
        sampling: How much is read at most.
        say: Told what is being read.

    Raises:
        ValueError: If reading fails, or the window is shorter than 1.
    """
    if window < 1:
        raise ValueError(f"the window is {window} steps, expected at least 1")
    sampling = sampling or Sampling()
    spec, images = file.spec, image_streams(file.spec)
    say("actions, states and labels")
    whole = read_clips(file, whole_episodes(file.lengths, _row_bytes(file), sampling))
    seen = read_clips(
        file, short_clips(file.lengths, sampling, _image_bytes(file, images))
    )
    findings = [
        *check_values(file, seen),
        *check_lengths(file, window),
        *check_seeds(file),
        *check_time(whole, spec, images[0] if images else None),
        *check_actions(whole, spec),
    ]
    frames = []
    for stream in images:
        say(f"frames of {stream}")
        frames.append(read_frames(file, stream, seen))
        findings += check_camera(frames[-1])
    if spec.action_dim:
        say("which action belongs to which frame")
        findings += check_alignment(
            alignment_sources(file, frames, sampling), sampling.seed
        )
    say("copies of episodes")
    findings += check_copies(file, sampling)
    return Inspection(
        findings=sorted(findings, key=lambda finding: ORDER.index(finding.level)),
        actions=action_rows(whole, spec),
        looked_at=list(_looked_at(file, whole, seen, images)),
    )


def _row_bytes(file: EpisodeFile) -> int:
    """Bytes of a row of actions and small columns."""
    small = sum(map(frame_bytes, small_columns(file.spec).values()))
    return small + 4 * file.spec.action_dim


def _image_bytes(file: EpisodeFile, images: Sequence[str]) -> int:
    return sum(frame_bytes(file.spec.streams[name]) for name in images)


def alignment_sources(
    file: EpisodeFile, frames: Sequence[Frames], sampling: Sampling
) -> list[Features]:
    """What can tell which action belongs to which frame: states, labels, images."""
    many = Sampling(
        clips=STATE_CLIPS * sampling.clips,
        clip_frames=sampling.clip_frames,
        seed=sampling.seed,
    )
    clips = read_clips(file, short_clips(file.lengths, many))
    sources = [
        of_column(name.removeprefix("observations/"), clips, [column])
        for name, column in clips.columns.items()
        if name.startswith("observations/") and column.dtype.kind == "f"
    ]
    sources.append(_of_labels(clips))
    sources += [of_frames(stream) for stream in frames]
    return [source for source in sources if source is not None]


def _of_labels(clips: Clips) -> Features | None:
    """All labels that hold quantities, together: alone they may say little."""
    labels = [
        column
        for name, column in clips.columns.items()
        if name.startswith("labels/") and name != TIME and column.dtype.kind == "f"
    ]
    return of_column("labels", clips, labels) if labels else None


def _looked_at(
    file: EpisodeFile, whole: Clips, seen: Clips, images: Sequence[str]
) -> list[str]:
    """Sentences on what was read; everything that is not named was read in full."""
    total = plural(file.num_episodes, "episode")
    said = ["values, seeds and lengths: all of them"]
    chosen = len(np.unique(whole.places.episodes))
    said.append(f"actions and time stamps: {chosen:,} of {total}, {_rows(whole)}")
    if images:
        episodes = len(np.unique(seen.places.episodes))
        said.append(
            f"images: {_rows(seen)} of {file.num_frames:,} of each camera, from "
            f"{episodes:,} of {total}"
        )
    return said


def _rows(clips: Clips) -> str:
    return plural(len(clips.actions), "frame")
