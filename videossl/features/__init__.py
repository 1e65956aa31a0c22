"""Features of videos: extraction, the file that holds them, and the papers' protocols under names."""
