"""What operators see of the running bot and its workers."""
