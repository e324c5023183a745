"""What is done with an exchange that differed: judged anew, shrunk, and written down as a test with nobody in it."""
