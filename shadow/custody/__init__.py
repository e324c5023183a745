"""Who holds the keys of what the shadow stores, and the record of their use."""
