"""Shadow mode: sends a request to both arms, compares the two answers, and keeps the evidence."""
