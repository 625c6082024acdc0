"""Edge: the small ASGI service that faces the internet; today it answers the unsubscribe links of mails.

Reads:  activation.sends and core.contact_points (ids and hashes only), as the role `edge`.
Writes: privacy.consent_events, privacy.consents, privacy.suppressions.
Never:  shows or logs a token, an address or a name; redirects, sets a cookie, calls another room's logic.
"""

from marketflow.edge.app import create_app

__all__ = ["create_app"]
