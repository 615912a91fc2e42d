"""The database: what must outlive the process. GitHub's own knowledge is never only here."""
