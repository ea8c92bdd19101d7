"""What an agent looks at, as it was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telos.envs.world import StreamSpec


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an agent looks at."""

    streams: Mapping[str, StreamSpec]
    """As they were recorded."""
    history: int = 1
    """Frames that are seen together."""
    frame_skip: int = 1
    """Environment steps between them."""
    resize: bool = False
    """Whether larger pictures of the same aspect are made as small as the streams."""

    @property
    def example(self) -> str:
        """How all streams are written down, for messages."""
        files = [
            f"{name}=FILE{'.png' if len(stream.shape) == 3 else '.npz'}"
            for name, stream in self.streams.items()
        ]
        return (
            f"{','.join(files)}, arrays of all (.npz) or a frame of an episode "
            "(demo.h5:12:80)"
        )
