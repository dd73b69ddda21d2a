"""The notebooks on anybody's folder: executed, turned into pages, served.

`run` goes from a folder to results and executes the `notebooks` on it, with `kernels` of the Python
that runs velonb; `pages` makes HTML of them that reads well without a network; `serve` opens
JupyterLab, or the explorer alone.
"""
