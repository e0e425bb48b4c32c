"""The proxies of this machine. A test of one that is not here is not collected: nobody has to install it."""

import os
import shutil

NGINX = os.environ.get("COUCHREG_TEST_NGINX") or shutil.which("nginx", path="/usr/sbin:/usr/bin")
CADDY = os.environ.get("COUCHREG_TEST_CADDY") or shutil.which("caddy")
PROXIES = {name: path for name, path in (("nginx", NGINX), ("caddy", CADDY)) if path}

collect_ignore = [] if PROXIES else ["test_behind.py"]
