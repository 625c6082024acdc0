"""Edge: the small ASGI service that faces the internet: it collects events and answers the links of mails.

Reads:  activation.sends and core.contact_points (ids and hashes only), as the role `edge`.
Writes: privacy.consent_events, privacy.consents, privacy.suppressions; the collector's log and the journals, folders of
        files.
Never:  shows or logs a token, an address or a name; leads anywhere but where a signed link leads; sets a cookie, calls
        another room's logic (the format of the log and the checks of a message it shares with the room that reads them,
        `sources`).
"""

from marketflow.edge.app import create_app

__all__ = ["create_app"]
