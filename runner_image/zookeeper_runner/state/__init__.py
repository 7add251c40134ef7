"""State: what an object has become, as tensors, values and what is left; and the way back into an object."""
