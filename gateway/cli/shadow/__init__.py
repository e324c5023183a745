"""The commands of `figway shadow`. Each has a file of its own."""
