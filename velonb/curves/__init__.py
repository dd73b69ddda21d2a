"""What a pixel counts against the threshold: the shapes, their gradients, the lmfit model.

`shapes` holds one function a shape, which serves arrays here and, compiled, the fit of every pixel;
`model` gives the curve, its gradient and the model that lmfit fits; `average` the sum over pixels
that differ; `region` where a fit may begin and end. A new shape is one function.
"""

from velonb.curves.average import average_curve
from velonb.curves.model import PARAMETERS, ThresholdModel, threshold_curve, threshold_gradient
from velonb.curves.sensor import Clouds

__all__ = [
    "PARAMETERS",
    "Clouds",
    "ThresholdModel",
    "average_curve",
    "threshold_curve",
    "threshold_gradient",
]
