"""Edge: the small ASGI service that faces the internet: it collects events and answers the links of mails.

Reads:  activation.sends and core.contact_points (ids and hashes only), a person's choices, and what the web version of
        a mail is written from, as the role `edge`; the contact policy's topics.
Writes: privacy.consent_events, privacy.consents, privacy.suppressions, privacy.preference_events, privacy.preferences;
        the collector's log and the journals, folders of files.
Never:  shows or logs a token, an address or a name; leads anywhere but where a signed link leads; sets a cookie, calls
        another room's logic (the format of the log and the checks of a message it shares with the room that reads them,
        `sources`; journals and the renderer of mails with `campaigns`).
"""

from marketflow.edge.app import create_app

__all__ = ["create_app"]
