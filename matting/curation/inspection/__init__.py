"""Looking for what is wrong with pictures, mattes and trimaps before a network learns it."""
