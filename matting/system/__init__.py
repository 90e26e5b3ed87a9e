"""Files, processes and the terminal: what the rest asks of the machine that it runs on."""
