"""Makes pictures, or what would be known of them, to fill a store with that show nothing a query shows."""
