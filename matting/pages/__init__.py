"""Pages that people look at in a browser: one template, style and script, and nothing fetched from anywhere."""
