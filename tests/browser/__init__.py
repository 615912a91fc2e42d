"""The pages in a real browser: scripts run, styles apply, and what a page asks for elsewhere is seen."""
