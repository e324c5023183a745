"""Cases: exchanges that differed are judged again, shrunk, and written down as tests."""
