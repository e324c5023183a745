"""A report as something to look at: a page, a table in the terminal, a sheet."""
