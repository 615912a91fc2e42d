"""The pages, one module each; a page is added by adding one."""
