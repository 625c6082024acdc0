"""Mail addresses and telephone numbers: checked, normalised, and refused with a reason that does not repeat them."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

_MAX_LENGTH = 254  # RFC 5321, 4.5.3.1.3
_MAX_PHONE = 60  # E.164 has 15 digits; people write blanks and brackets between

# Offices that RFC 2142 (4 to 6) and RFC 5321 (4.5.1) reserve, and machines: no person reads marketing there, and who
# sends it ends on block lists. Not those of a business (info, sales, support): small firms order with them.
_ROLES = frozenset(
    {
        "abuse", "hostmaster", "mailer-daemon", "mailerdaemon", "news", "noc", "postmaster", "root", "security",
        "usenet", "uucp", "webmaster", "www", "do-not-reply", "donotreply", "no-reply", "noreply", "devnull",
        "nobody", "null", "spam",
    }
)  # fmt: skip


class AddressRefused(ValueError):
    """The address cannot be used; `reason` is a code that may be stored and counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def normalise_email(address: str) -> str:
    """The address in the one form that is hashed and written to: NFC, lower case, an ASCII domain.

    Raises AddressRefused with `line_break`, `too_long` or `malformed`.
    """
    if any(ord(c) < 32 or ord(c) == 127 for c in address.strip(" ")):
        raise AddressRefused("line_break")
    if len(address) > _MAX_LENGTH:
        raise AddressRefused("too_long")
    try:
        checked = validate_email(address.strip(" "), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise AddressRefused("malformed") from None  # the cause would show the address
    return f"{checked.local_part.lower()}@{checked.ascii_domain or checked.domain}"


def is_role_account(address: str) -> bool:
    """Does a normalised address belong to an office or a machine, such as postmaster@ or noreply@?"""
    return address.rpartition("@")[0].partition("+")[0] in _ROLES


def normalise_phone(number: str, country: str | None) -> str:
    """The telephone number as E.164, such as +442079460123: the one form that is hashed and called.

    `country` (ISO 3166) is where a number without a country's prefix is from. Raises AddressRefused with `line_break`,
    `too_long` or `malformed` (what no telephone of that country can have).
    """
    import phonenumbers

    if any(ord(c) < 32 or ord(c) == 127 for c in number.strip(" ")):
        raise AddressRefused("line_break")
    if len(number) > _MAX_PHONE:
        raise AddressRefused("too_long")
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        raise AddressRefused("malformed") from None  # the cause may show the number
    if parsed.extension or not phonenumbers.is_possible_number(parsed):
        raise AddressRefused("malformed")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
