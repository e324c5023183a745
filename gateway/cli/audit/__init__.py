"""The commands of `figway audit`: their options and their help."""
