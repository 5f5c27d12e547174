"""One file an algorithm; all are found through the entry-point group `kuato.fingerprints`."""
