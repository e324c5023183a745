"""The admin port: health, metrics, and reports."""
