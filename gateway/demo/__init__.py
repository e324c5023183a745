"""A small clinic: sample backends and traffic for the demo."""
