"""Alpha query expansion: a query is moved towards the known vectors that lie nearest to it.

Source: F. Radenovic, G. Tolias, O. Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.models.network import Vector, unit


def expanded(query: NDArray[Any], known: NDArray[Any], n: int, alpha: float) -> Vector:
    """Return the sum of the `n` nearest of `known` (m, d), each times its cosine to the query to the power of alpha, at length 1.

    What points away counts nothing. Without anything that counts, the query comes back. A query that is itself known is one of the n.
    """
    vectors, asked = unit(known), unit(query)
    nearest = vectors[np.argsort(-(vectors @ asked), kind="stable")[:n]]
    weights = np.maximum(nearest @ asked, 0.0) ** np.float32(alpha)
    found = weights @ nearest if len(nearest) else asked
    return unit(found) if np.any(found) else asked
