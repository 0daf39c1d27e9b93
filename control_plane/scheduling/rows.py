"""The array types of this room: everything is indexed by the row of a node in the table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
"""Indices of rows."""

Mask = NDArray[np.bool_]
"""True for the rows that pass."""

Counts = NDArray[np.int64]
"""Whole numbers, one a row, or a matrix (look-ahead x row)."""

Floats = NDArray[np.float64]
"""Real numbers of the same shapes."""
