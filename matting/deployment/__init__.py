"""From weights to the fastest way of running them here: exports, their description, quantisation, measurements."""
