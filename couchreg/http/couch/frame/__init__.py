"""What every operation of the couch door stands in: request, body, answer, errors, settings, headers.

Owns the `Context` that an operation gets. Knows no endpoint and goes into no wing. Comes in: `door`, `app`,
which builds the services, and every wing: `server`, `feeds`, `design`, `documents`, `listings`.
"""
