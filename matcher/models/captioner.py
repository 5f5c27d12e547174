"""Captions: an image encoder, and a decoder that writes a token at a time, always the likeliest."""

import numpy as np

from matcher.errors import BadSettings
from matcher.models.description import Description, WordModel
from matcher.models.network import ImageNetwork, Network, tokenizer
from matcher.picture import Pixels


class Captioner:
    """The model of a description with a table [decoder]. Loaded when first used. Raises BadSettings."""

    def __init__(self, described: Description, decoder: WordModel) -> None:
        self._image = ImageNetwork(described.image)
        self._described = decoder
        self._decoder: Network | None = None

    def __call__(self, rgb: Pixels) -> str:
        """Return a caption of a picture, uint8 (height, width, 3); "" when the model has nothing to say."""
        described, features = self._described, self._image.run(rgb)
        if self._decoder is None:
            self._decoder, self._tokenizer = Network(described.model, described.where), tokenizer(described.tokenizer, described.where)
        network, tokens = self._decoder, [described.start]
        written, seen = network.input(described.input), network.input(described.features, [network.input(described.input)])
        while len(tokens) <= described.length:
            scores = network.run(network.output(described.output), {written: np.array([tokens], np.int64), seen: features})
            if scores.ndim != 3 or scores.shape[:2] != (1, len(tokens)):
                wanted = f"[1, {len(tokens)}, words]"
                raise BadSettings(f"{described.where}: the decoder's output is {list(scores.shape)}, but must be {wanted}")
            token = int(scores[0, -1].argmax())
            if token == described.end:
                break
            tokens.append(token)
        return str(self._tokenizer.decode(tokens[1:], skip_special_tokens=True)).strip()
