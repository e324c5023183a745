"""Shadow work, done beside the traffic: ask the other arm, compare, ask again, write."""
