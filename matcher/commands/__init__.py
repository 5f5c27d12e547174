"""One file a command; all are found through the entry-point group `kuato.commands`."""
