"""What can look surprised without understanding anything; each must be at chance."""

from telos.evaluation.surprise.controls.features import RandomFeatures as RandomFeatures
from telos.evaluation.surprise.controls.features import block_pixels as block_pixels
from telos.evaluation.surprise.controls.frames import CopyLast as CopyLast
from telos.evaluation.surprise.controls.frames import FrameDifference as FrameDifference
from telos.evaluation.surprise.controls.frames import (
    LinearExtrapolation as LinearExtrapolation,
)
from telos.evaluation.surprise.controls.geometry import GeometryScore as GeometryScore
from telos.evaluation.surprise.controls.geometry import GeometrySignal as GeometrySignal
from telos.evaluation.surprise.controls.novelty import (
    MahalanobisNovelty as MahalanobisNovelty,
)
from telos.evaluation.surprise.controls.novelty import (
    NeighbourNovelty as NeighbourNovelty,
)
from telos.evaluation.surprise.controls.wrappers import LimitedMemory as LimitedMemory
from telos.evaluation.surprise.controls.wrappers import OtherContext as OtherContext
from telos.evaluation.surprise.controls.wrappers import (
    ShuffledContext as ShuffledContext,
)
