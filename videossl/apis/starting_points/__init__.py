"""Starting points for parts of a user's own: ``videossl new task|backbone NAME``."""
