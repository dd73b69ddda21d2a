"""Files written: whole or not at all, under the established names, the same on reading back."""

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import velonb as vb
from velonb.results.csv import format_matrix, read_csv_matrix
from velonb.results.output import STAMP_NAME
from velonb.system.files import written_whole

PREFIX = "Module0_VP0-1_ECS_data_ST_1s310ms_THR_"
RUN = {"module": "Module0", "asic": "VP0-1", "shutter": "1s310ms", "shutter_time": 1.31}
PIXEL = ("row", "column")


def read_back(text) -> np.ndarray:
    return np.loadtxt(bytes(text).decode().splitlines(), delimiter=",", ndmin=2)


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


any_number = st.floats(allow_nan=False, allow_infinity=False)
typical = st.floats(1e-20, 1e17) | st.floats(1e-6, 1e4)
ratio = st.builds(lambda hits, time: hits / time, st.integers(0, 10**6), st.floats(0.1, 1e4))


@settings(max_examples=1000, deadline=None)
@given(st.lists(typical | any_number | ratio, min_size=1, max_size=8))
@example([0.0, -0.0, 0.5, 1e15, 1e16, 1e17, 1e-20, 5e-324, 1.7976931348623157e308])
@example([0.3, 0.1 + 0.2, 9007199254740993.0, 123456789012345678.0, 1e22, 1e23, 9.5e-5])
def test_format_matrix_is_read_back_as_the_same_numbers(numbers):
    found = [float(number) for number in bytes(format_matrix([numbers])).decode().split(",")]
    for number, expected in zip(found, numbers, strict=True):
        assert bits(number) == bits(expected)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.int8, (3, 4)))
def test_format_matrix_of_integers_has_no_decimal_point(matrix):
    text = bytes(format_matrix(matrix)).decode()
    assert text == "".join(",".join(map(str, row)) + "\n" for row in matrix.tolist())


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_format_matrix_with_unknown_number_is_refused(unknown):
    with pytest.raises(ValueError, match="matrix holds 1 number that is not finite"):
        format_matrix([[1.5, unknown], [0.1, 2.0]])


def test_format_matrix_agrees_with_savetxt_on_reading_back():
    matrix = np.random.default_rng(4).lognormal(0, 8, (256, 256))
    np.testing.assert_array_equal(read_back(format_matrix(matrix)), matrix)


def test_format_matrix_of_view_in_other_order_writes_it_as_it_is():
    matrix = np.arange(12.0).reshape(3, 4).T[::2]
    np.testing.assert_array_equal(read_back(format_matrix(matrix)), matrix)


@pytest.fixture
def flux() -> xr.Dataset:
    """Three thresholds with a gap, the second without exposure, one pixel masked."""
    rng = np.random.default_rng(5)
    hits = rng.poisson(5.0, (3, 256, 256))
    exposure = np.array([131.05, 0.0, 117.9])[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        values, errors = hits / exposure, np.sqrt(hits) / exposure
        asic = hits.sum((1, 2)) / exposure[:, 0, 0]
    for pixels in (values, errors):
        pixels[:, 3, 4] = np.nan
        pixels[1] = np.nan
    asic[1] = np.nan
    dims = ("threshold", *PIXEL)
    variables = {"flux": (dims, values), "flux_err": (dims, errors)}
    variables |= {"asic_flux": ("threshold", asic), "asic_flux_err": ("threshold", asic / 300)}
    return xr.Dataset(variables, {"threshold": [1480, 1486, 1495]}, attrs=RUN)


@pytest.fixture
def fits() -> xr.Dataset:
    """Free, fixed and another fit, with pixels of all fit types."""
    rng = np.random.default_rng(6)
    shape = (3, 256, 256)
    names = ("f", "A", "s", "E0")
    variables = {name: (("fit", *PIXEL), rng.normal(100, 9, shape)) for name in names}
    variables |= {f"{n}_err": (("fit", *PIXEL), rng.lognormal(-9, 2, shape)) for n in names}
    fit_type = rng.choice(np.array([-2, -1, 0, 1], dtype=np.int8), shape, p=[0.1, 0.1, 0.2, 0.6])
    variables["fit_type"] = ("fit", *PIXEL), fit_type
    dataset = xr.Dataset(variables, {"fit": ["free", "fixed", "A+E0"]}, attrs=RUN)
    unknown = dataset.fit_type < 0
    return dataset.map(
        lambda values: values if values.name == "fit_type" else values.where(~unknown),
        keep_attrs=True,
    )


def test_export_csv_writes_the_established_names(tmp_path, flux, fits):
    paths = vb.export_csv(tmp_path / "results", flux=flux, fits=fits)
    maps = ("E0", "uE0", "f", "uf", "s", "us", "Fittype", "Fixedfittype")
    expected = {f"{name}matrix_ST_1s310ms.csv" for name in maps}
    for kind in ("Flux", "UncertaintyFlux"):
        expected |= {f"{kind}perpixel_{PREFIX}{t}.csv" for t in (1480, 1486, 1495)}
        expected |= {f"{kind}perASIC_{PREFIX}1480-1495-step3.csv"}
    assert {path.name for path in paths} == expected
    assert {path.name for path in (tmp_path / "results").iterdir()} == expected | {STAMP_NAME}


@pytest.mark.parametrize(("kind", "name"), [("Flux", "flux"), ("UncertaintyFlux", "flux_err")])
def test_export_csv_of_flux_is_read_back_as_written_with_zeros_for_unknown(
    tmp_path, flux, kind, name
):
    vb.export_csv(tmp_path, flux=flux)
    for threshold in flux.threshold.values:
        matrix = read_csv_matrix(tmp_path / f"{kind}perpixel_{PREFIX}{threshold}.csv")
        np.testing.assert_array_equal(matrix, flux[name].sel(threshold=threshold).fillna(0))
    asic = np.loadtxt(tmp_path / f"{kind}perASIC_{PREFIX}1480-1495-step3.csv")
    expected = flux[f"asic_{name}"].reindex(threshold=range(1480, 1496, 3)).fillna(0)
    np.testing.assert_array_equal(asic, expected)


def test_export_csv_of_one_threshold_has_step_1(tmp_path, flux):
    vb.export_csv(tmp_path, flux=flux.isel(threshold=[0]))
    assert np.loadtxt(tmp_path / f"FluxperASIC_{PREFIX}1480-1480-step1.csv") > 0


@pytest.mark.parametrize("name", ["E0", "f", "s"])
def test_export_csv_of_fits_is_read_back_with_zeros_where_the_free_fit_is_not_good(
    tmp_path, fits, name
):
    vb.export_csv(tmp_path, fits=fits)
    free = fits.sel(fit="free")
    good = (free.fit_type == 1).values
    value = read_csv_matrix(tmp_path / f"{name}matrix_ST_1s310ms.csv")
    error = read_csv_matrix(tmp_path / f"u{name}matrix_ST_1s310ms.csv")
    np.testing.assert_array_equal(value, np.where(good, free[name], 0))
    np.testing.assert_array_equal(error, np.where(good, free[f"{name}_err"], 0))
    assert (value[~good] == 0).all()
    assert (value[good] != 0).all()


def test_export_csv_of_fit_types_takes_each_from_its_fit(tmp_path, fits):
    vb.export_csv(tmp_path, fits=fits)
    for name, fit in (("Fittype", "free"), ("Fixedfittype", "fixed")):
        matrix = read_csv_matrix(tmp_path / f"{name}matrix_ST_1s310ms.csv")
        np.testing.assert_array_equal(matrix, fits.fit_type.sel(fit=fit))


def test_export_csv_of_rows_and_columns_swapped_still_has_the_row_as_line(tmp_path, fits):
    vb.export_csv(tmp_path / "a", fits=fits)
    vb.export_csv(tmp_path / "b", fits=fits.transpose("column", "fit", "row"))
    name = "E0matrix_ST_1s310ms.csv"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_export_csv_of_nothing_raises(tmp_path):
    with pytest.raises(ValueError, match=r"nothing to export: give flux=, fits= or both"):
        vb.export_csv(tmp_path)


def test_export_csv_without_the_fixed_fit_says_which_are_there(tmp_path, fits):
    with pytest.raises(ValueError, match=r"lack the 'fixed' fit, they have free, A\+E0"):
        vb.export_csv(tmp_path, fits=fits.sel(fit=["free", "A+E0"]))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> xr.Dataset:
    folder = tmp_path_factory.mktemp("export") / "scan"
    options = {"thresholds": [1480, 1550, 1600], "acquisitions": 2, "noisy": 0}
    vb.simulate_scan(folder, progress=False, **options)
    with pytest.warns(UserWarning, match=r"no good acquisition"):
        return vb.load_scan(folder, progress=False)


def test_save_netcdf_of_scan_is_loaded_back_with_its_provenance(tmp_path, scan):
    path = vb.save_netcdf(tmp_path / "results" / "scan.nc", scan)
    loaded = vb.load_netcdf(path)
    assert "numpy" in loaded.attrs.pop("saved_with")
    xr.testing.assert_identical(loaded, scan)
    assert loaded.mask.dtype == bool
    assert loaded.hits.dtype == np.int32
    assert path.stat().st_size < scan.nbytes / 2


def test_save_netcdf_of_fits_and_flux_is_loaded_back(tmp_path, flux, fits):
    for name, dataset in (("flux", flux), ("fits", fits)):
        loaded = vb.load_netcdf(vb.save_netcdf(tmp_path / f"{name}.nc", dataset))
        del loaded.attrs["saved_with"]
        xr.testing.assert_identical(loaded, dataset)


values = st.sampled_from([np.float64, np.float32, np.int8, np.int32, np.int64, np.bool_])


@settings(max_examples=25, deadline=None)
@given(st.data(), values)
def test_save_netcdf_of_any_values_is_loaded_back(tmp_path_factory, data, dtype):
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)))
    attrs = {"units": "DAC", "flag_values": np.array([0, 1], dtype=np.int8)}
    dataset = xr.Dataset({"x": (PIXEL, array, attrs)}, attrs={"alpha": 0.05, "asic": "VP0-1"})
    path = tmp_path_factory.mktemp("netcdf") / "x.nc"
    loaded = vb.load_netcdf(vb.save_netcdf(path, dataset))
    del loaded.attrs["saved_with"]
    xr.testing.assert_identical(loaded, dataset)
    assert loaded.x.dtype == dtype


def test_save_netcdf_of_loaded_dataset_can_be_saved_over_its_own_file(tmp_path, fits):
    path = vb.save_netcdf(tmp_path / "fits.nc", fits)
    loaded = vb.load_netcdf(path)
    vb.save_netcdf(path, loaded)
    xr.testing.assert_identical(vb.load_netcdf(path), loaded)


def test_save_netcdf_of_true_and_false_attributes_saves_1_and_0(tmp_path, fits):
    fits.attrs |= {"cut": True, "kept": np.False_}
    fits.E0.attrs["checked"] = True
    loaded = vb.load_netcdf(vb.save_netcdf(tmp_path / "fits.nc", fits))
    assert (loaded.attrs["cut"], loaded.attrs["kept"], loaded.E0.attrs["checked"]) == (1, 0, 1)
    assert fits.attrs["cut"] is True


def test_load_netcdf_of_missing_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fits.nc does not exist: give a file"):
        vb.load_netcdf(tmp_path / "fits.nc")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> bytes:
    """A file of several kinds of variables."""
    variables = {"x": ("row", np.arange(40.0), {"units": "DAC"}), "text": ("row", ["a"] * 40)}
    path = tmp_path_factory.mktemp("small") / "small.nc"
    return vb.save_netcdf(path, xr.Dataset(variables, attrs=RUN)).read_bytes()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"E0,f,s", "it begins with b'E0,f,s'"),
        (b"CDF\x01 and the rest of netCDF-3", r"it begins with b'CDF\\x01 and'"),
        (b"\x89HDF\r\n\x1a\n", ""),
    ],
    ids=["empty", "text", "netCDF-3", "signature alone"],
)
def test_load_netcdf_of_other_file_raises(tmp_path, content, reason):
    (tmp_path / "fits.nc").write_bytes(content)
    told = (
        f"fits.nc is not a netCDF-4 file, or is damaged: {reason}.*; give a file that save_netcdf"
    )
    with pytest.raises(ValueError, match=told):
        vb.load_netcdf(tmp_path / "fits.nc")


def test_load_netcdf_of_hdf5_that_is_not_netcdf_raises(tmp_path):
    with h5py.File(tmp_path / "fits.nc", "w") as file:
        file["E0"] = np.arange(3)
    with pytest.raises(ValueError, match=r"fits.nc is not a netCDF-4 file, or is damaged"):
        vb.load_netcdf(tmp_path / "fits.nc")


def test_load_netcdf_of_truncated_file_raises_or_gives_all(tmp_path, small):
    path = tmp_path / "fits.nc"
    path.write_bytes(small)
    whole = vb.load_netcdf(path)
    end = small.rindex(b"\nvelonb sha256 ")
    for size in [*range(1, end, 97), end - 1]:
        path.write_bytes(small[:size])
        with pytest.raises(ValueError, match=r"fits.nc is not a netCDF-4 file, or is damaged"):
            vb.load_netcdf(path)
    path.write_bytes(small[:end])
    xr.testing.assert_identical(vb.load_netcdf(path), whole)


def test_load_netcdf_of_file_with_a_bit_flipped_never_gives_other_values(tmp_path, small):
    path = tmp_path / "fits.nc"
    path.write_bytes(small)
    whole = vb.load_netcdf(path)
    end = small.rindex(b"\nvelonb sha256 ")
    rng = np.random.default_rng(8)
    places = [0, end - 1, end + 20, len(small) - 2, *rng.integers(0, end, 200)]
    for place in places:
        flipped = bytearray(small)
        flipped[place] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"fits.nc is not a netCDF-4 file, or is damaged"):
            vb.load_netcdf(path)
    # Without the words that begin the checksum there is none, and nothing else is harmed.
    path.write_bytes(small[:end] + small[end:].replace(b"velonb", b"velonc"))
    xr.testing.assert_identical(vb.load_netcdf(path), whole)


def test_load_netcdf_of_file_that_another_program_has_changed_gives_the_change(tmp_path, small):
    path = tmp_path / "fits.nc"
    path.write_bytes(small)
    with h5py.File(path, "r+") as file:
        file["x"][3] = -1
    assert float(vb.load_netcdf(path).x[3]) == -1


def test_save_netcdf_is_read_by_other_programs(tmp_path, scan):
    path = vb.save_netcdf(tmp_path / "scan.nc", scan)
    xr.testing.assert_identical(xr.load_dataset(path, engine="h5netcdf"), vb.load_netcdf(path))


def test_written_whole_after_success_leaves_only_the_new_file(tmp_path):
    path = tmp_path / "new" / "E0.csv"
    for text in ("1", "2"):
        with written_whole(path) as temporary:
            temporary.write_text(text)
            assert temporary.parent == path.parent
            assert temporary.suffix == ".csv"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_written_whole_after_failure_leaves_what_was_there(tmp_path, error):
    def write_half(path: Path) -> None:
        with written_whole(path) as temporary:
            temporary.write_text("half of the ne")
            raise error

    path = tmp_path / "E0.csv"
    path.write_text("old")
    with pytest.raises(error):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_export_csv_of_fits_with_further_dimensions_leaves_them_out(tmp_path, fits):
    """The ladder brings a dimension of its own, the covariance two."""
    more = fits.assign(step_p_value=(("step", "row", "column"), np.ones((3, 256, 256))))
    names = [path.name for path in vb.export_csv(tmp_path / "more", fits=more)]
    assert names == [path.name for path in vb.export_csv(tmp_path / "plain", fits=fits)]
