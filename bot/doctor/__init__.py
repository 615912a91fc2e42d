"""The doctor: examines an installation, one probe a module, and says of each finding how to put it right."""
