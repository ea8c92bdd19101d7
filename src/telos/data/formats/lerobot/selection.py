"""What of a LeRobot dataset is read, and how an episode file will call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from telos.data.formats.action_coding import ActionCoding
from telos.data.formats.lerobot.features import (
    ACTION,
    COUNTERS,
    STATE,
    TIMESTAMP,
    Feature,
    camera_streams,
    labels_of,
)
from telos.data.formats.lerobot.info import Info
from telos.data.formats.source import Wanted
from telos.envs.world import StreamSpec, WorldSpec

EPISODE, TASK = COUNTERS[1], "task_index"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The features that are read."""

    cameras: Mapping[str, str]
    """Stream -> feature."""
    has_state: bool
    labels: Mapping[str, str]
    """Label -> column."""
    features: Mapping[str, Feature]
    """All that the dataset has."""

    @property
    def videos(self) -> list[str]:
        """Features of cameras that lie in video files."""
        kinds = self.features
        return [key for key in self.cameras.values() if kinds[key].dtype == "video"]

    @property
    def columns(self) -> list[str]:
        """Columns of the parquet files."""
        wanted = [EPISODE, *self.labels.values()]
        others = [TIMESTAMP, ACTION, *([STATE] if self.has_state else [])]
        wanted += [n for n in others if n in self.features and n not in wanted]
        wanted += [key for key in self.cameras.values() if key not in self.videos]
        return wanted


def select(info: Info, wanted: Wanted) -> Selection:
    """Choose the features of the streams that are wanted.

    Raises:
        ValueError: If there is no such stream.
    """
    cameras, has_state = camera_streams(info.features), STATE in info.features
    if wanted.streams is not None:
        available = [*cameras, *(["state"] if has_state else [])]
        unknown = sorted(set(wanted.streams) - set(available))
        if unknown:
            raise ValueError(
                f"{info.root} has no streams {unknown}; it has {available}"
            )
        cameras = {s: key for s, key in cameras.items() if s in wanted.streams}
        has_state = "state" in wanted.streams
    return Selection(
        cameras=cameras,
        has_state=has_state,
        labels=labels_of(info.features),
        features=info.features,
    )


def spec_of(
    info: Info,
    selection: Selection,
    *,
    coding: ActionCoding,
    size_of: Callable[[str], tuple[int, int]],
    max_steps: int,
    tasks: Sequence[str],
) -> WorldSpec:
    """The spec of the episodes.

    Args:
        info: Of the dataset.
        selection: What is read.
        coding: Of the actions.
        size_of: Height and width of a camera's pictures, by feature.
        max_steps: Of the longest episode.
        tasks: Texts.
    """
    streams = {
        name: StreamSpec(shape=(*size_of(key), 3), dtype="uint8")
        for name, key in selection.cameras.items()
    }
    if selection.has_state:
        streams["state"] = StreamSpec(shape=info.features[STATE].shape, dtype="float32")
    taken = {TIMESTAMP, *COUNTERS}
    unread = [
        key
        for key, feature in info.features.items()
        if not (feature.is_picture or feature.is_number) and key not in taken
    ]
    action = info.features.get(ACTION)
    names = action.names if action is not None else ()
    options = {
        "robot": info.robot,
        "tasks": list(tasks),
        "action_names": list(names) if len(names) == len(coding.low) else [],
        "actions": coding.options(),
        "left_out": sorted(unread),
    }
    return WorldSpec(
        id=info.root.resolve().name,
        action_low=coding.low,
        action_high=coding.high,
        streams=streams,
        labels={name: _label(key, info) for name, key in selection.labels.items()},
        max_steps=max_steps,
        options={name: value for name, value in options.items() if value},
    )


def _label(key: str, info: Info) -> StreamSpec:
    if key == TIMESTAMP:
        return StreamSpec(shape=(), dtype="float64", unit="s")
    feature = info.features[key]
    return StreamSpec(shape=feature.row_shape, dtype=feature.dtype)
