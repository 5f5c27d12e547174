"""PCA whitening: vectors turned to their principal axes, each stretched to the same spread, so that no common trait rules the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from matcher.errors import BadRequest, BadSettings

_LEAST = 1e-12  # of the largest variance; what varies less is noise of rounding


@dataclass(frozen=True)
class Whitening:
    """mean: (n,). components: (k, n), rows of length 1. variance: (k,), with n - 1 degrees of freedom."""

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def fitted(cls, vectors: NDArray[Any]) -> "Whitening":
        """Return what whitens these vectors, (m, n). Raises BadRequest unless there are more of them than they have dimensions."""
        values = np.asarray(vectors, np.float64)
        if values.ndim != 2 or len(values) <= values.shape[1]:
            raise BadRequest(
                f"whitening is fitted to more vectors than they have dimensions, but there are {len(values)} x {values.shape[-1]}"
            )
        mean = values.mean(axis=0)
        _, spread, components = np.linalg.svd(values - mean, full_matrices=False)
        return cls(mean, components, spread**2 / (len(values) - 1))

    @classmethod
    def load(cls, path: Path) -> "Whitening":
        """Return what a file (NumPy's npz with mean, components, explained_variance) holds. Raises BadSettings."""
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                found = cls(*(np.asarray(file[name], np.float64) for name in ("mean", "components", "explained_variance")))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BadSettings(
                f"{path} is no whitening: it takes the arrays mean, components, explained_variance ({str(error)[:100]})"
            ) from None
        kept, size = found.components.shape if found.components.ndim == 2 else (0, 0)
        if not kept or found.mean.shape != (size,) or found.variance.shape != (kept,):
            raise BadSettings(f"{path} is no whitening: mean is (n,), components are (k, n), explained_variance is (k,)")
        return found

    def save(self, path: Path) -> None:
        """Write the file that `load` reads."""
        with path.open("wb") as file:
            np.savez(file, mean=self.mean, components=self.components, explained_variance=self.variance)

    def __call__(self, vectors: NDArray[Any]) -> NDArray[np.float64]:
        """Return vectors (.., n) whitened, (.., k); their length is for the caller to set."""
        floor = float(self.variance.max(initial=0.0)) * _LEAST or 1.0
        return np.asarray((np.asarray(vectors, np.float64) - self.mean) @ self.components.T / np.sqrt(np.maximum(self.variance, floor)))
