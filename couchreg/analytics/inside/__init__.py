"""The half of this room that runs in children of the sandbox: it reads strangers' tables and statements."""
