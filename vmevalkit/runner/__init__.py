"""The verbs: make, generate, score, check and doctor, and what runs them."""
