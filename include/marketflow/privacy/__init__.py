"""Privacy: encryption and keyed hashes of personal data, normalised addresses, masking.

Reads:  the key ring, from a secret that the caller gives.
Writes: nothing; callers store what it returns.
Never:  logs or raises a value that it was given.
"""

from marketflow.privacy.addresses import AddressRefused, normalise_email
from marketflow.privacy.keys import KeyRing, generate_key_ring
from marketflow.privacy.masking import mask_email, mask_name

__all__ = ["AddressRefused", "KeyRing", "generate_key_ring", "mask_email", "mask_name", "normalise_email"]
