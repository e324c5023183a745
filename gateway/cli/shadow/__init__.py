"""The commands of `figway shadow`, one a file."""
