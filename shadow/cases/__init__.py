"""What is done with an exchange that differed: it is judged again, shrunk, and written down as a test."""
