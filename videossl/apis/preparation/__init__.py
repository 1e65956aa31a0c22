"""From a data set as it is handed out to lists and files that are read quickly."""
