"""Notebooks as web pages that read well without a network, and the page that lists them."""

from __future__ import annotations

import re
from html import escape
from importlib.metadata import version
from string import Template
from typing import Any, NamedTuple

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

# nbconvert's page asks a network address for require.js, MathJax and Mermaid. Formulas are
# written as MathML instead, which browsers show by themselves, and the others are not needed.
_PAGE = """\
{%- extends 'lab/index.html.j2' -%}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block extra_css %}<style>
body { max-width: 62rem; margin: 0 auto !important; padding: 1rem !important; }
.velonb-back { font: 0.9rem system-ui, sans-serif; margin: 0.5rem 0 1rem 5rem; }
.velonb-back a { color: #1f5fa8; text-decoration: none; }
/* A map that the browser shrinks gets stripes: it is shown pixel by pixel. */
.jp-RenderedImage { overflow-x: auto; }
.jp-RenderedImage img { max-width: none !important; }
math { font-size: 1.1em; }
math[display="block"] { margin: 0.9em 0; font-size: 1.15em; }
mtd[columnalign="right"] { text-align: right; }
mtd[columnalign="left"] { text-align: left; }
</style>{% endblock %}
{% block body_header %}{{ super() }}
<nav class="velonb-back"><a href="index.html">&larr; all results</a></nav>{% endblock %}
{% block data_png scoped %}<div class="jp-RenderedImage jp-OutputArea-output">
<img alt="{{ nb.metadata.title | escape_html }}"
     src="data:image/png;base64,{{ output.data['image/png'] }}"></div>{% endblock %}
{% block data_latex scoped %}{{ output.data['text/latex'] | markdown2html }}{% endblock %}
"""

_INDEX = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1c2733; background: #f6f7f9; margin: 0; }
  main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem; }
  h1 { font-size: 1.7rem; margin: 0 0 1rem; }
  h2 { font-size: 1.1rem; margin: 2.2rem 0 0.8rem; }
  a { color: #1f5fa8; text-decoration: none; }
  a:hover { text-decoration: underline; }
  table { border-collapse: collapse; font-size: 0.95rem; }
  th { text-align: left; font-weight: 600; padding: 0.15rem 1.5rem 0.15rem 0; white-space: nowrap;
       vertical-align: top; }
  td { padding: 0.15rem 0; overflow-wrap: anywhere; }
  .pages { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr));
           gap: 1rem; align-items: start; }
  .page { background: #fff; border: 1px solid #dde2e8; border-radius: 6px; overflow: hidden; }
  .page img { display: block; width: 100%; height: 11rem; object-fit: contain;
              border-bottom: 1px solid #eceff3; background: #fff; }
  .page div { padding: 0.7rem 0.9rem 0.9rem; }
  .page h3 { font-size: 1rem; margin: 0 0 0.3rem; }
  .page p { font-size: 0.88rem; color: #4a5866; margin: 0; }
  footer { margin-top: 2.5rem; font-size: 0.85rem; color: #6b7885; }
</style>
</head>
<body><main>
<h1>$title</h1>
<table>$facts</table>
<h2>The analysis, step by step</h2>
<div class="pages">$pages</div>
<h2>The results as files</h2>
<table>$files</table>
<footer>Made by velonb $version.</footer>
</main></body>
</html>
""")


# What latex2mathml knows by another name only: an environment, and one upright letter (a unit).
_SPELLINGS = {
    r"\\(begin|end)\{aligned\}": r"\\\1{split}",
    r"\\mathrm\{(\w)\}": r"\\text{\1}",
}


def mathml(latex: str, display: str = "inline") -> str:
    """MathML of a LaTeX formula; the formula itself, as code, where it cannot be had.

    Examples
    --------
    >>> "<mi>E</mi><mn>0</mn>" in mathml("E_0")
    True
    """
    for pattern, spelling in _SPELLINGS.items():
        latex = re.sub(pattern, spelling, latex)
    try:
        return convert(latex, display=display)
    except Exception:  # its errors have no common base, and a page with one raw formula is a page
        return f"<code>{escape(latex)}</code>"


class _Renderer(IPythonRenderer):
    """Markdown to HTML with the formulas as MathML."""

    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


class _Exporter(HTMLExporter):
    """nbconvert's page of a notebook, without anything from a network address."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        cell = context.get("cell", {})
        renderer = _Renderer(
            escape=False, attachments=cell.get("attachments", {}), exclude_anchor_links=True
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def notebook_page(notebook: NotebookNode, title: str) -> str:
    """HTML page of an executed notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The executed notebook, cleaned.
    title : str
        Title of the page.

    Returns
    -------
    str
        The page, complete in itself: styles, figures and formulas.
    """
    titled = notebook.copy()
    titled.metadata = NotebookNode(notebook.metadata | {"title": title})
    page, _ = _Exporter(raw_template=_PAGE).from_notebook_node(titled)
    return page


class Entry(NamedTuple):
    """One page of the index: its file, title, summary and a figure to show for it."""

    page: str
    title: str
    summary: str
    figure: str | None


def index_page(
    title: str, facts: dict[str, str], entries: list[Entry], files: dict[str, str]
) -> str:
    """HTML page that lists the results of a run.

    Parameters
    ----------
    title : str
        Title of the page.
    facts : dict of str to str
        What was measured and found, name to value.
    entries : list of Entry
        The pages of the notebooks, in order.
    files : dict of str to str
        Files and folders of results, link to what they hold.

    Returns
    -------
    str
        The page; its links and figures are relative.
    """
    return _INDEX.substitute(
        title=escape(title),
        facts="".join(_row(escape(name), escape(value)) for name, value in facts.items()),
        pages="\n".join(map(_card, entries)),
        files="".join(
            _row(f'<a href="{escape(link)}">{escape(link)}</a>', escape(what))
            for link, what in files.items()
        ),
        version=version("velonb"),
    )


def _row(name: str, value: str) -> str:
    return f"<tr><th>{name}</th><td>{value}</td></tr>\n"


def _card(entry: Entry) -> str:
    picture = ""
    if entry.figure:
        picture = f'<a href="{entry.page}"><img src="{entry.figure}" alt=""></a>\n'
    summary = MarkdownWithMath(renderer=_Renderer(escape=False)).render(entry.summary)
    return (
        f'<section class="page">{picture}<div><h3><a href="{entry.page}">{escape(entry.title)}</a>'
        f"</h3>{summary}</div></section>"
    )
