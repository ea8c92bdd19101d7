"""Losses, one per file, each with its formula and source."""

from telos.learning.losses.inverse import InverseDynamics as InverseDynamics
from telos.learning.losses.prediction import prediction_loss as prediction_loss
from telos.learning.losses.regression import expectile_loss as expectile_loss
from telos.learning.losses.regression import gaussian_misfit as gaussian_misfit
from telos.learning.losses.residuals import group_residuals as group_residuals
from telos.learning.losses.sigreg import sigreg as sigreg
from telos.learning.losses.temporal import invariance as invariance
from telos.learning.losses.temporal import smoothness as smoothness
from telos.learning.losses.temporal import straightness as straightness
from telos.learning.losses.vicreg import covariance as covariance
from telos.learning.losses.vicreg import mean_covariance as mean_covariance
from telos.learning.losses.vicreg import variance as variance
