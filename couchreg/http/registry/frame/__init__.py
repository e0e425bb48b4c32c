"""What every operation of the registry door stands in: the call, bodies, answers, words of the route table.

Owns the `Call` that an operation gets, and the services behind it. Knows no route and goes into no wing.
Comes in: `door`, `apart`, `openapi`, `routes`, `app`, which builds the services, and every wing: `analytics`,
`graphs`, `pages`, `people`, `publishing`, `reading`.
"""
