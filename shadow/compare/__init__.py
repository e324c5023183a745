"""Two answers to one request: what differs, where, and how much it matters."""
