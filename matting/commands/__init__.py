"""What people type: one file a command, parsing and calling and no logic; `tools/` has a door to each."""
