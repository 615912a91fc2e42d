"""Commands in comments: one module each; adding a module here is all it takes."""
