"""What every operation of the couch door stands in: request, body, answer, errors, settings, headers.

Knows no endpoint. All wings come in; it goes to none of them.
"""
