"""ORB features as everybody computes them: OpenCV's defaults, 500 a picture.

Source: E. Rublee et al., "ORB: an efficient alternative to SIFT or SURF", ICCV 2011.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.picture import Picture

Descriptors = NDArray[np.uint8]

LONGEST = 2048
SOUGHT = 500
MOST = 1000  # OpenCV keeps all that are as strong as the weakest it was asked for; a chessboard has thousands
BYTES = 32


@dataclass(frozen=True)
class Keypoints:
    """Places in the picture, and how it looks there.

    points: float32 (n, 2), x and y in pixels of the picture at most 2,048 a side. descriptors: uint8 (n, 32).
    """

    points: NDArray[np.float32]
    descriptors: Descriptors

    def __len__(self) -> int:
        return len(self.points)


def keypoints(picture: Picture) -> Keypoints:
    """Return the features of a picture, none where it is flat or has a few pixels only."""
    points, descriptors = cv2.ORB.create(SOUGHT).detectAndCompute(picture.grey(LONGEST), None)
    if len(points) == 0:
        return Keypoints(np.zeros((0, 2), np.float32), np.zeros((0, BYTES), np.uint8))
    return Keypoints(np.array([point.pt for point in points[:MOST]], np.float32), np.asarray(descriptors[:MOST], np.uint8))
