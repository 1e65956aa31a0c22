"""What holds training back on this machine, and what to change."""
