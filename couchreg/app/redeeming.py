"""Who a publish is for that outlives its request: by the same rules as a request would be decided."""

from typing import TYPE_CHECKING, Any

import msgspec

from couchreg.access.asking import ASKER, asker_of
from couchreg.auth.login.pledges import Pledge
from couchreg.auth.policy import EVERYONE, REGISTRY, Rule, authorize, without_owner_roles
from couchreg.model.user import User

if TYPE_CHECKING:
    from couchreg.app.server import App


async def redeem(app: "App", pledge: Any, package: str) -> User:
    """The user of a pledge, as whom the work that asks goes on. Raises Unauthorized when it is not the same
    account any more, Forbidden when it may not do this any more."""
    user = await app.pledges.redeem(msgspec.convert(pledge, Pledge), package)
    security = await app.packages_security()
    if security != EVERYONE and not user.is_admin:
        member = await app.registry.owners.with_roles(without_owner_roles(user))
        authorize(Rule.MEMBER, member, REGISTRY, security)
    ASKER.set(asker_of(user))  # of the task that carries the publish, which nobody's request may have begun
    return user
