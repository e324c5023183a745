"""What people are shown, word by word: each file holds an input and, below a line of dashes, what is made of it."""
