"""LeRobotDataset: read in versions 2.0, 2.1 and 3.0, written in version 3.0.

Reading: `info` (what the dataset says of itself), `features` and `selection` (names,
theirs and ours), `places` (files, never outside of the dataset), `tables` (episodes and
tasks), `bounds` (of actions), `cameras` (video shards), `assembly` (one episode) and
`reader`. Writing: `outgoing` (names, ours and theirs), `shards`,
`listing` (of episodes), `summaries` (statistics) and `writer`.
"""

from telos.data.formats.lerobot.reader import LeRobotSource as LeRobotSource
from telos.data.formats.lerobot.reader import recognises as recognises
