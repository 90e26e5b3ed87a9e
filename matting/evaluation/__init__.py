"""How good mattes are: scores of a set as a table, compared and shown."""
