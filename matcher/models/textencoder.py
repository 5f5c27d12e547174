"""From a description in words to a vector beside those of pictures, by the text half of a model such as CLIP."""

import numpy as np

from matcher.errors import BadSettings
from matcher.models.description import TextModel
from matcher.models.network import Network, Vector, tokenizer


class TextEncoder:
    """The text encoder of a description. Loaded when first used. Raises BadSettings."""

    def __init__(self, described: TextModel) -> None:
        self._described = described
        self._network: Network | None = None

    def __call__(self, text: str) -> Vector:
        """Return the vector of a text, float32 (n,). A text of too many tokens is cut, its last token kept."""
        described = self._described
        if self._network is None:
            self._network, self._tokens = Network(described.model, described.where), tokenizer(described.tokenizer, described.where)
        ids = list(self._tokens.encode(text).ids)
        if len(ids) > described.length:
            ids = [*ids[: described.length - 1], ids[-1]]
        padding = described.length - len(ids)
        network = self._network
        given = {network.input(described.input): np.array([ids + [described.pad] * padding], np.int64)}
        if described.mask:
            given[network.input(described.mask)] = np.array([[1] * len(ids) + [0] * padding], np.int64)
        found = network.run(network.output(described.output), given)
        if found.ndim != 2 or found.shape[0] != 1:
            raise BadSettings(f"{described.where}: the text model's output is {list(found.shape)}, but must be a vector, [1, n]")
        return np.asarray(found[0], np.float32)
