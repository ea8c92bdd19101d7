"""Predictors, one per file, behind one call."""

from __future__ import annotations

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor as Predictor
from telos.world_model.predictors.mixture import MixturePredictor
from telos.world_model.predictors.recurrent import RecurrentPredictor
from telos.world_model.predictors.residual import ResidualPredictor
from telos.world_model.predictors.transformer import TransformerPredictor

_PREDICTORS = {
    "mixture": MixturePredictor,
    "residual": ResidualPredictor,
    "recurrent": RecurrentPredictor,
    "transformer": TransformerPredictor,
}


def build_predictor(
    config: PredictorConfig, state: int, context: int, action: int
) -> Predictor:
    """The predictor that a configuration names.

    Raises:
        ValueError: If there is no such predictor.
    """
    if config.kind not in _PREDICTORS:
        raise ValueError(
            f"predictor {config.kind!r} is unknown; choose one of {sorted(_PREDICTORS)}"
        )
    return _PREDICTORS[config.kind](state, context, action, config)
