"""Sums over thresholds; linear algebra of four parameters, some of them held."""

from __future__ import annotations

import math

from velonb.fit.engine.data import Array, compiled, compiled_sums


@compiled_sums
def dot(a: Array, b: Array) -> float:
    """Sum of products over the entries of the first array."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@compiled_sums
def total(a: Array) -> float:
    """Sum over the thresholds."""
    result = 0.0
    for i in range(a.size):
        result += a[i]
    return result


@compiled
def copy_into(source: Array, target: Array) -> None:
    """Copy an array of one dimension; a slice assignment would take seconds to compile."""
    for i in range(target.size):
        target[i] = source[i]


@compiled
def copy_matrix(source: Array, target: Array) -> None:
    """Copy a matrix of four rows."""
    for a in range(4):
        copy_into(source[a], target[a])


@compiled
def set_unit(matrix: Array) -> None:
    """Make a matrix the unit matrix."""
    for a in range(4):
        for b in range(4):
            matrix[a, b] = 1.0 if a == b else 0.0


@compiled
def count_true(flags: Array) -> int:
    """Count how many of some flags are set."""
    total = 0
    for flag in flags:
        total += flag
    return total


@compiled
def factorise(matrix: Array, active: Array, damping: float, factor: Array) -> bool:
    """Cholesky factor of the active part of a matrix; the rest is as the unit matrix."""
    for a in range(4):
        for b in range(a + 1):
            factor[a, b] = 1.0 if a == b else 0.0
            if not (active[a] and active[b]):
                continue
            rest = matrix[a, b] * (1 + damping) if a == b else matrix[a, b]
            for c in range(b):
                rest -= factor[a, c] * factor[b, c]
            if a != b:
                factor[a, b] = rest / factor[b, b]
            elif rest > 1e-13 * abs(matrix[a, a]):
                factor[a, a] = math.sqrt(rest)
            else:
                return False
    return True


@compiled
def solve_lower(factor: Array, active: Array, right: Array, out: Array) -> None:
    """Solve L out = right for the Cholesky factor L; what is not active becomes zero."""
    for a in range(4):
        rest = right[a] if active[a] else 0.0
        for b in range(a):
            rest -= factor[a, b] * out[b]
        out[a] = rest / factor[a, a]


@compiled
def solve_upper(factor: Array, right: Array, out: Array) -> None:
    """Solve L' out = right for the Cholesky factor L."""
    for a in range(3, -1, -1):
        rest = right[a]
        for b in range(a + 1, 4):
            rest -= factor[b, a] * out[b]
        out[a] = rest / factor[a, a]


@compiled
def invert(factor: Array, active: Array, inverse: Array) -> None:
    """Invert the active part of a matrix from its Cholesky factor; the rest becomes zero."""
    set_unit(inverse)
    for a in range(4):
        solve_lower(factor, active, inverse[a], inverse[a])
        solve_upper(factor, inverse[a], inverse[a])


@compiled
def carry(chain: Array, matrix: Array, half: Array) -> None:
    """Replace a matrix M by chain M chain'."""
    for a in range(4):
        for b in range(4):
            half[a, b] = 0.0
            for c in range(4):
                half[a, b] += chain[a, c] * matrix[c, b]
    for a in range(4):
        for b in range(4):
            matrix[a, b] = 0.0
            for c in range(4):
                matrix[a, b] += half[a, c] * chain[b, c]


@compiled
def congruence(chain: Array, vector: Array, matrix: Array, half: Array) -> None:
    """Replace a vector g by chain' g and a matrix M by chain' M chain."""
    for a in range(4):
        for b in range(a):
            chain[a, b], chain[b, a] = chain[b, a], chain[a, b]
    carry(chain, matrix, half)
    copy_into(vector, half[0])
    for a in range(4):
        vector[a] = 0.0
        for c in range(4):
            vector[a] += chain[a, c] * half[0, c]
