"""Pages for people: what is known of packages and tables, as HTML.

Owns templates, the style sheet, what of a README is shown, and snippets that are copied. Pure: it gets plain
values and addresses and gives text. Does not own what is asked, by whom and over which protocol. Whatever a
publisher wrote is text here and never markup or script. Comes in: `http/registry`.
"""
