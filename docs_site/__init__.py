"""Builds the documentation: pages made from the code, diagrams as SVG, and the site that people read."""
