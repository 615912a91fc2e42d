"""What can be read as JSON, one module each; a resource is added by adding one."""
