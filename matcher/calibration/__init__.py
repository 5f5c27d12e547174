"""Calibration: from labelled pictures to the distances that are a YES and a MAYBE."""
