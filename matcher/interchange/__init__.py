"""What leaves and enters a store as a file: everything as JSON lines, and hash lists as others write them."""
