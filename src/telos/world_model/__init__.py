"""The world model: encode, predict, imagine. It knows no cost."""

from telos.world_model.chart import Chart as Chart
from telos.world_model.config import JEPAConfig as JEPAConfig
from telos.world_model.config import PredictorConfig as PredictorConfig
from telos.world_model.config import fitted as fitted
from telos.world_model.config import sized as sized
from telos.world_model.decoder import Decoder as Decoder
from telos.world_model.decoder import load_decoder as load_decoder
from telos.world_model.decoder import save_decoder as save_decoder
from telos.world_model.function import FunctionDynamics as FunctionDynamics
from telos.world_model.jepa import JEPA as JEPA
from telos.world_model.storage import load_world_model as load_world_model
from telos.world_model.storage import pack_world_model as pack_world_model
from telos.world_model.untrained import untrained as untrained
