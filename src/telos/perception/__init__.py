"""Perception: from observation streams to features that the world model reads."""

from telos.perception.backbone import BackboneConfig as BackboneConfig
from telos.perception.backbone import build_backbone as build_backbone
from telos.perception.completion import Completion as Completion
from telos.perception.observation import ObservationEncoder as ObservationEncoder
from telos.perception.reduction import Reduction as Reduction
from telos.perception.reduction import build_reduction as build_reduction
from telos.perception.reduction import pinned as pinned
from telos.perception.transforms import downsample as downsample
