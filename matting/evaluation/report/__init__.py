"""Reports that people look at: one HTML file with plots and pictures inside, and nothing fetched from anywhere."""
