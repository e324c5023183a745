"""routes.yaml: as written, checked, compiled, watched."""
