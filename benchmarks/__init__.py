"""Benchmarks: velonb and the usual way, timed side by side. Run with ``python -m benchmarks``."""
