"""The worker: takes one job at a time, asks for its lease, has it done in a process that can be killed, reports."""
