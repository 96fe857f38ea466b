"""How samples are made side by side."""
