"""What an installation or a check-up tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing that was done or found. well: whether it is as it should be."""

    well: bool
    text: str
