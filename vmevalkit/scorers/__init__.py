"""Scorers: `rule` decides by program, `judge` asks a vision-language model, `human` counts ratings."""
