"""A campaign of faults against the whole kit: `make faults`. See docs/reliability.md."""
