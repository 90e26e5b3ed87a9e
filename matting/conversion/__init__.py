"""Other people's checkpoints under our names: arrays in, arrays out, no network and no Paddle."""
