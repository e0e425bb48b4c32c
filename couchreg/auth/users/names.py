"""Names under which people register: the rules of npm, narrower than what CouchDB allows. Pure.

Source: https://github.com/npm/npm-user-validate (the rules)
"""

import re
from urllib.parse import quote

from couchreg.errors import BadRequest

LONGEST = 214
LONGEST_PASSWORD = 1024
_EMAIL = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,189}")
_UNESCAPED = "!~*()"  # beside letters, digits and -_.


def check_name(name: object) -> str:
    """The name. Raises BadRequest with a sentence that says what is wrong with it."""
    if not isinstance(name, str) or not name:
        raise BadRequest("A user needs a name.")
    if len(name) > LONGEST:
        raise BadRequest(f"A user name may have at most {LONGEST} characters.")
    if name != name.lower():
        raise BadRequest("A user name must be in lower case.")
    if name[0] in "._":
        raise BadRequest("A user name may not begin with a dot or an underscore.")
    if not name.isascii() or quote(name, safe=_UNESCAPED) != name:
        raise BadRequest("A user name may only have characters that need no escaping in a URL.")
    return name


def check_password(password: object, least: int = 1) -> str:
    """The password, of at least so many characters. Raises BadRequest; the reason never repeats it."""
    if not isinstance(password, str) or not password:
        raise BadRequest("A password is needed.")
    if len(password) < least:
        raise BadRequest(f"A password must have at least {least} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise BadRequest(f"A password may have at most {LONGEST_PASSWORD} characters.")
    return password


def check_email(email: object) -> str:
    """The address. Raises BadRequest."""
    if not isinstance(email, str) or not _EMAIL.fullmatch(email) or not email.isprintable():
        raise BadRequest("This is not an e-mail address.")
    return email
