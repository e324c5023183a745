"""Small services that real servers serve: results that only some may see, and orders that only one arm may take."""
