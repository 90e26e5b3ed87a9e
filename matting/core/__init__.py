"""The third floor: what trains, evaluates and predicts with the parts below."""
