"""Data sets before anything is learnt from them: prepared, inspected, packed."""
