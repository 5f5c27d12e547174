"""Speaks the misp-modules protocol for Kuato."""
