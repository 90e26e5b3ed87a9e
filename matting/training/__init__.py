"""From a configuration to a trained network: the loop, its checkpoints, its stages, adaptation."""
