"""Episodes on disk and in memory, and what is drawn from them.

One file per noun: `writer` and `store` (episode files), `recording` (episodes at
hand), `frames` (streams, in memory or not: `stored` in an episode file, or a `video`),
`windows` (training batches), `prefetch`, `statistics`, `actions` (scaling), `splits`,
`checks` and `preview` (what `telos inspect` finds and
shows).
"""

from telos.data.actions import ActionScale as ActionScale
from telos.data.prefetch import Prefetch as Prefetch
from telos.data.recording import Recording as Recording
from telos.data.splits import layout_keys as layout_keys
from telos.data.splits import split_by_episode as split_by_episode
from telos.data.statistics import StreamStatistics as StreamStatistics
from telos.data.statistics import of_recording as of_recording
from telos.data.store import EpisodeFile as EpisodeFile
from telos.data.video import VideoFrames as VideoFrames
from telos.data.windows import WindowSampler as WindowSampler
from telos.data.writer import EpisodeWriter as EpisodeWriter
