"""One module a rule. Adding a module here is all it takes: it is discovered at start-up."""
