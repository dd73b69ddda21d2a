"""Results of fits that are sent to another process, or kept for later."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import lmfit
import pytest
from lmfit.model import Model, ModelResult
from toys import draw_flux

from velonb import fit_asic, fit_p_value, fit_pixel, fit_pixels, profile_errors


def asic(shape: str = "velo", **options: str) -> ModelResult:
    return fit_asic(draw_flux((64, 64), exposure=1e4, shape=shape), shape=shape, **options)


FITS = {
    "ASIC": asic,
    "ASIC of two lines": lambda: asic("fe55"),
    "ASIC by chi-square": lambda: asic(statistic="chi2"),
    "pixel": lambda: fit_pixel(draw_flux((8, 8)), 2, 5),
    "pixel with the rest held": lambda: fit_pixel(draw_flux((8, 8)), 2, 5, asic=asic(), free="A"),
}
every_fit = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


def pickled(result: ModelResult) -> Any:
    return pickle.loads(pickle.dumps(result))


@every_fit
@pytest.mark.parametrize("again", [pickled, copy.deepcopy])
def test_copied_result_says_the_same_and_fits_again(
    fit: Callable[[], ModelResult], again: Callable[[ModelResult], ModelResult]
) -> None:
    result = fit()
    copied = again(result)
    assert copied.fit_report() == result.fit_report()
    assert fit_p_value(copied) == fit_p_value(result)
    assert copied.eval(t=1551.0) == result.eval(t=1551.0)
    name = result.var_names[-1]
    assert profile_errors(copied, [name]) == profile_errors(result, [name])
    refit = copied.model.fit(
        copied.data, copied.init_params, weights=copied.weights, **copied.userkws
    )
    assert refit.params[name].value == result.params[name].value
    assert refit.params[name].stderr == result.params[name].stderr


def test_copied_result_fits_every_pixel_as_the_original() -> None:
    flux = draw_flux((8, 8))
    result = fit_asic(flux)
    first, second = (fit_pixels(flux, fit, progress=False) for fit in (result, pickled(result)))
    assert first.identical(second)


@every_fit
def test_result_written_by_lmfit_is_read_back_with_its_curve(fit: Callable[[], Any]) -> None:
    result = fit()
    read = ModelResult(Model(lambda t: t), lmfit.Parameters()).loads(result.dumps())
    assert read.params["E0"].value == result.params["E0"].value
    assert read.eval(t=1551.0) == pytest.approx(result.eval(t=1551.0))
