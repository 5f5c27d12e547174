"""`kuato whitening`: PCA whitening for an embedding, fitted to the pictures that are known."""

from pathlib import Path

import click

from matcher.commands import tables
from matcher.commands.invocation import Invocation, pass_invocation


@click.command()
@click.argument("file", metavar="FILE.npz", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@pass_invocation
def whitening(invocation: Invocation, file: Path) -> None:
    """Fit a PCA whitening to the embeddings of the newest pictures (embedding.scan), and write it.

    It takes more pictures than the model's vectors have dimensions; some ten times as many make it good. Name the file in the
    model's description (whitening), then add the pictures again: whitened vectors are not compared with others.
    """
    from matcher.models.whitening import Whitening

    vectors = invocation.matcher.embeddings()
    Whitening.fitted(vectors).save(file)
    tables.say(f"{file}: fitted to {len(vectors):,} pictures, {vectors.shape[1]} dimensions")
