"""Losses, one per file, each with its formula and source."""

from telos.learning.losses.barlow import cross_correlation as cross_correlation
from telos.learning.losses.barlow import disagreement as disagreement
from telos.learning.losses.barlow import redundancy as redundancy
from telos.learning.losses.cosine import misdirection as misdirection
from telos.learning.losses.cosine import misdirections as misdirections
from telos.learning.losses.infonce import infonce as infonce
from telos.learning.losses.inverse import InverseDynamics as InverseDynamics
from telos.learning.losses.masked_pixels import patch_errors as patch_errors
from telos.learning.losses.mmcr import centroid_spread as centroid_spread
from telos.learning.losses.mmcr import view_spread as view_spread
from telos.learning.losses.normed_targets import absolute_errors as absolute_errors
from telos.learning.losses.normed_targets import normed as normed
from telos.learning.losses.normed_targets import smooth_errors as smooth_errors
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
from telos.learning.losses.visreg import off_centre as off_centre
from telos.learning.losses.visreg import off_scale as off_scale
from telos.learning.losses.visreg import off_shape as off_shape
from telos.learning.losses.volume import coding_rate as coding_rate
from telos.learning.losses.volume import log_determinant as log_determinant
from telos.learning.losses.whitening import moments_of as moments_of
from telos.learning.losses.whitening import whitened as whitened
from telos.learning.losses.whitening import (
    whitened_misdirection as whitened_misdirection,
)
from telos.learning.losses.whitening import whitening_matrix as whitening_matrix
