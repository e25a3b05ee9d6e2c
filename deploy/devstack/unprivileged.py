"""Whom PostgreSQL runs as: it refuses root, so root lends it another user."""

import os
import pwd
from pathlib import Path

# Present on every system, so that no start has to create a user; initdb insists on a user that has a name.
LENT_USER = "nobody"


def server_owner(data: Path) -> tuple[int, int] | None:
    """Return uid and gid to run as: the data's owner, else the lent user; None when we are not root.

    Data an ordinary user made stay that user's when root starts the stack over them.
    """
    if os.geteuid() != 0:
        return None
    owner = data.stat()
    if owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    lent = pwd.getpwnam(LENT_USER)
    return lent.pw_uid, lent.pw_gid
