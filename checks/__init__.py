"""Every rule of a taxonomy contribution, judged from plain facts: no GitHub, no network, no queue."""
