"""The benchmark: the gateway beside Envoy, nginx and a floor, on one core each, under the same load. `make bench`."""
