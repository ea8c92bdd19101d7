"""Predictors, one per file, behind one call."""

from __future__ import annotations

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor as Predictor
from telos.world_model.predictors.mixture import MixturePredictor
from telos.world_model.predictors.recurrent import RecurrentPredictor
from telos.world_model.predictors.residual import ResidualPredictor
from telos.world_model.predictors.tokens import TokenPredictor
from telos.world_model.predictors.transformer import TransformerPredictor

_PREDICTORS = {
    "mixture": MixturePredictor,
    "residual": ResidualPredictor,
    "recurrent": RecurrentPredictor,
    "transformer": TransformerPredictor,
}


def build_predictor(
    config: PredictorConfig, state: int, context: int, action: int, tokens: int = 1
) -> Predictor:
    """The predictor that a configuration names.

    Args:
        config: Which one, and its sizes.
        state: Dimensions of the state.
        context: Dimensions of the context.
        action: Dimensions of an action.
        tokens: Tokens that the state consists of; 1 if it is one vector.

    Raises:
        ValueError: If there is no such predictor, or it does not suit such a state.
    """
    if config.kind == "tokens":
        return TokenPredictor(state, context, action, config, tokens)
    if config.kind not in _PREDICTORS:
        choices = sorted([*_PREDICTORS, "tokens"])
        raise ValueError(
            f"predictor {config.kind!r} is unknown; choose one of {choices}"
        )
    return _PREDICTORS[config.kind](state, context, action, config)
