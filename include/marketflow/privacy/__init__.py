"""Privacy: encryption and keyed hashes of personal data, normalised addresses, masking.

Reads:  the key ring, from a secret that the caller gives.
Writes: nothing; callers store what it returns.
Never:  logs or raises a value that it was given.
"""

from marketflow.privacy.addresses import AddressRefused, is_role_account, normalise_email, normalise_phone
from marketflow.privacy.keys import KeyRing, generate_key_ring
from marketflow.privacy.links import (
    CLICK_PARAMETER,
    ClickLink,
    LinkKind,
    MessageLink,
    click_token,
    is_target,
    message_token,
    read_click_token,
    read_message_token,
)
from marketflow.privacy.masking import mask_email, mask_name
from marketflow.privacy.tokens import bounce_token, read_bounce_token, read_unsubscribe_token, unsubscribe_token

# What a value is encrypted for. A value that SQL moves from raw to core keeps its context.
EMAIL, PHONE, GIVEN_NAME, FAMILY_NAME, BIRTH_DATE = "email", "phone", "given_name", "family_name", "birth_date"
FREE_TEXT, ACCOUNT, QUARANTINE, COLLECTED = "free_text", "account", "quarantine", "collected"

__all__ = [
    "ACCOUNT",
    "BIRTH_DATE",
    "CLICK_PARAMETER",
    "COLLECTED",
    "EMAIL",
    "FAMILY_NAME",
    "FREE_TEXT",
    "GIVEN_NAME",
    "PHONE",
    "QUARANTINE",
    "AddressRefused",
    "ClickLink",
    "KeyRing",
    "LinkKind",
    "MessageLink",
    "bounce_token",
    "click_token",
    "generate_key_ring",
    "is_role_account",
    "is_target",
    "mask_email",
    "mask_name",
    "message_token",
    "normalise_email",
    "normalise_phone",
    "read_bounce_token",
    "read_click_token",
    "read_message_token",
    "read_unsubscribe_token",
    "unsubscribe_token",
]
