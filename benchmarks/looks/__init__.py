"""Draws pages that look alike but are different: designs, invented brands, contents, and the edits that make variants of a page."""
