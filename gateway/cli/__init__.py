"""The figway command. Each subcommand has a file of its own."""
