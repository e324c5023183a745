"""One behaviour a file: what removes expected variation before the diff."""
