"""Pictures in and out of files, and laid out for people to look at."""
