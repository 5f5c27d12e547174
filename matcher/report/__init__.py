"""What is known of how well Kuato decides: figures, pictures of them, graphs, and the report that holds all of it."""
