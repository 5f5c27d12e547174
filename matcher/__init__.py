"""Kuato's core: bytes -> picture -> fingerprints -> candidates -> match. It knows neither MISP nor AIL."""

__version__ = "0.1.0"
