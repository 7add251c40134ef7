"""What the zoo asks of the outside world: protocols, each with one conformance suite under `tests/conformance`."""
