"""The demo's story and the people that it draws: beside the package, not in it."""
