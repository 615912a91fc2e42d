"""The pages: where people look instead of reading logs.

A page is one module in `bot/dashboard/pages/` with its template of the same name. It gathers what it shows through
`House` and returns it; `Site` finds out first who asks, what they may see, and refuses what they may not.

    request -> Site: session -> Visit (viewer, repository, access) -> page -> Shown -> template
"""
