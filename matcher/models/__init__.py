"""What needs models or other programs: text recognition, embeddings, scene tags, captions. Runs in workers that see pixels only."""
