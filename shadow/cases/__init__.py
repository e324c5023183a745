"""What is done with an exchange that differed: judge it again, shrink it, and write it down as a test without real values."""
