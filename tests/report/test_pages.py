"""Pages of notebooks: they hold all they need, and formulas are formulas without a network."""

from __future__ import annotations

import re

import nbformat
import pytest

from velonb.report.notebooks import title_and_summary
from velonb.report.pages import Entry, index_page, mathml, notebook_page

# The smallest PNG there is: one transparent pixel.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


def notebook(markdown: str) -> nbformat.NotebookNode:
    outputs = [
        nbformat.v4.new_output("display_data", {"image/png": PNG}),
        nbformat.v4.new_output("display_data", {"text/latex": r"$\sigma = \sqrt{n}$"}),
    ]
    code = nbformat.v4.new_code_cell("plot()", outputs=outputs, execution_count=1)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(markdown), code])


def test_page_asks_nothing_of_the_network() -> None:
    page = notebook_page(notebook("# Title\n\nText with $E_0$"), "Title")
    assert re.findall(r"<script[^>]*src=|<link[^>]*href=|@import|url\(['\"]?http", page) == []
    assert re.findall(r"(?:src|data-src)=['\"]https?:", page) == []


def test_page_shows_formulas_as_mathml() -> None:
    page = notebook_page(notebook("$$\\frac{a}{b}$$ and $E_0$ and 5 * 4 _x_"), "Title")
    assert page.count("<math") == 3
    assert "<mfrac>" in page
    assert "<msqrt>" in page
    assert "$" not in re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)


def test_page_names_its_figures_and_leads_back() -> None:
    page = notebook_page(notebook("# Title"), "The flux")
    assert 'alt="The flux"' in page
    assert 'href="index.html"' in page


@pytest.mark.parametrize("display", ["inline", "block"])
def test_mathml_is_of_the_display_asked_for(display: str) -> None:
    assert f'display="{display}"' in mathml("x", display)


def test_mathml_aligns_equations() -> None:
    formula = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert formula.count("<mtr>") == 2
    assert "<mi>&</mi>" not in formula


def test_mathml_of_a_broken_formula_is_the_formula() -> None:
    assert mathml(r"\left( a < b") == r"<code>\left( a &lt; b</code>"


def test_index_lists_facts_pages_and_files() -> None:
    entries = [Entry("01_load.html", "Load <a> scan", "What $E_0$ *is*.", "figures/01_load_1.png")]
    page = index_page("A scan", {"Thresholds": "41 & more"}, entries, {"fits.nc": "parameters"})
    for text in (
        "<h1>A scan</h1>",
        "41 &amp; more",
        'href="01_load.html"',
        "Load &lt;a&gt; scan",
        "<em>is</em>",
        "<msub>",
        'src="figures/01_load_1.png"',
        'href="fits.nc"',
    ):
        assert text in page


def test_title_and_summary_are_the_heading_and_the_paragraph_under_it() -> None:
    opening = "# Load a scan\n\nFrom files\nto counts.\n\nMore."
    assert title_and_summary(notebook(opening), "01") == ("Load a scan", "From files to counts.")


def test_title_of_a_notebook_without_heading_is_its_name() -> None:
    assert title_and_summary(notebook("Text."), "01_load") == ("01_load", "")
