"""Personal data in what clients send: left out of properties by name and by look, and counted without values."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson

# Names as they are compared: lower case, without separators.
PERSONAL = frozenset({
    "email", "mail", "emailaddress", "useremail", "contactemail", "phone", "phonenumber", "telephone", "tel",
    "mobile", "mobilenumber", "mobilephone", "fax", "firstname", "lastname", "givenname", "familyname", "fullname",
    "surname", "middlename", "maidenname", "nickname", "displayname", "customername", "contactname", "username",
    "login", "birthday", "birthdate", "dateofbirth", "dob", "address", "address1", "address2", "street",
    "streetaddress", "addressline1", "addressline2", "postalcode", "postcode", "zip", "zipcode", "ip", "ipaddress",
    "clientip", "remoteip", "useragent", "latitude", "longitude", "lat", "lng", "lon", "geo", "location",
    "coordinates", "ssn", "passport", "passportnumber", "nationalid", "taxid", "iban", "bic", "accountnumber",
    "creditcard", "cardnumber", "cvc", "cvv", "password", "passwd", "pwd", "secret", "token", "accesstoken", "apikey",
    "authorization", "cookie", "sessionid", "avatar", "photo", "deviceid", "advertisingid", "idfa", "idfv", "gaid",
    "imei", "mac", "macaddress",
})  # fmt: skip
# The last words of a name that make it personal whatever stands before them: customer_phone, billingAddress2.
_ENDINGS = frozenset({
    "email", "emails", "mail", "emailaddress", "phone", "phones", "phonenumber", "telephone", "tel", "mobile",
    "mobilephone", "mobilenumber", "cell", "cellphone", "fax", "whatsapp", "ip", "address", "addresses", "addressline",
    "street", "streetaddress", "postalcode", "postcode", "zip", "zipcode", "firstname", "lastname", "givenname",
    "familyname", "fullname", "surname", "middlename", "maidenname", "birthday", "birthdate", "dateofbirth", "dob",
    "iban", "ssn", "password", "passwd", "pwd", "token", "secret", "sessionid", "deviceid", "username", "nickname",
    "displayname", "useragent", "latitude", "longitude", "creditcard", "cardnumber", "accountnumber", "passport",
})  # fmt: skip
_PEOPLE = (
    "customer", "user", "contact", "recipient", "member", "client", "guest", "buyer", "owner", "holder", "cardholder",
    "person", "passenger", "billing", "shipping", "delivery", "sender", "friend", "home", "work",
)  # fmt: skip
_COUNTERS = ("no", "nr", "num", "number")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_NAME = 64
_MAYBE_PERSONAL = "name"  # of a thing, where the object is one
_OF_THINGS = ("product_id", "productId", "sku", "price", "quantity")
# One character before the @ is enough: with more of them the time to search grew with the square of the length.
_MAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_QUOTED_AT, _QUOTED_DOT = re.compile("%(?:25)*40"), re.compile("%(?:25)*2[eE]")  # as often as it was quoted
_SHORT = 200  # beyond it, no text is a telephone number however it is quoted
_DIGIT = re.compile(r"\d")
_INTERNATIONAL = re.compile(r"\+\d[\d ().\-/]{6,18}")
# Within a text, which may hold a zone (+1000 2026) and a sum (+250 points) too: nine digits at least.
_WITHIN = re.compile(r"\+[1-9](?:[ ().\-/]{0,2}\d){8,14}(?!\d)")
_GROUPED = re.compile(r"\(?\d[\d() .\-/]{8,19}")
_LINK = re.compile(r"(?:[a-z][a-z0-9+.\-]{0,30}:)?/", re.IGNORECASE)  # also /path, //host/path and app://screen
_QUERY, _SPACE = re.compile("[?#]"), re.compile(r"\s")
_NUMBER = re.compile(r"\d{4}-\d\d-\d\d.*|-?\d+\.\d+")
_CONTEXT = {
    "page": ("path", "url", "title", "referrer"),
    "campaign": ("name", "source", "medium", "term", "content", "id"),
    "library": ("name", "version"),
    "app": ("name", "version", "build"),
    "os": ("name", "version"),
    "device": ("type", "manufacturer", "model"),
}
_PLAIN_CONTEXT = ("locale", "timezone")
_SHARED_TEXT, _SHARED_BYTES = 500, 4_096  # of a text in a batch's own context, and of all of it


def scrub(value: object, left_out: Counter[str], *, may_be_named: bool = False) -> Any:
    """What JSON has, without what is personal; `left_out` counts by kind. `may_be_named`: its `name` is a thing's."""
    if isinstance(value, dict):
        named = may_be_named or any(name in value for name in _OF_THINGS)
        kept = {k: v for k, v in value.items() if _is_kept(k, v, left_out, named=named)}
        return {k.replace("\0", ""): scrub(v, left_out) for k, v in kept.items()}
    if isinstance(value, list):
        return [scrub(v, left_out) for v in value if not _counted(_look(v), left_out)]
    return without_query(value.replace("\0", ""), left_out) if isinstance(value, str) else value


def kept_context(context: Mapping[str, Any], left_out: Counter[str]) -> dict[str, Any]:
    """Of a message's context what tells page, campaign and kind of device; all else may identify a person."""
    found: dict[str, Any] = {}
    for part, names in _CONTEXT.items():
        inner = context.get(part)
        if isinstance(inner, dict):
            kept = scrub({n: inner[n] for n in names if inner.get(n) is not None}, left_out, may_be_named=True)
            found |= {part: kept} if kept else {}
    plain = {n: context[n] for n in _PLAIN_CONTEXT if isinstance(context.get(n), str)}
    found.update(scrub(plain, left_out))
    return found


def shared_context(context: object, left_out: Counter[str]) -> dict[str, Any]:
    """What of a batch's own context is each message's: as kept_context, but plain values, cut, and 4 KB in all.

    A batch has up to 2,500 messages: whatever stands here is stored that many times. A part for which there is no room
    is left out.
    """
    if not isinstance(context, dict):
        return {}
    plain = {name: _plain(value) for name, value in context.items() if name in _CONTEXT or name in _PLAIN_CONTEXT}
    kept, found, room = kept_context(plain, left_out), {}, _SHARED_BYTES
    for name in (*_PLAIN_CONTEXT, *_CONTEXT):
        value = _cut(kept.get(name))
        size = len(orjson.dumps(value))
        if value and size <= room:
            found[name], room = value, room - size
    return found


def looks_personal(value: object) -> str:
    """What kind of personal value a text looks like: mail, phone, ip; empty for anything else.

    Also when it is written as in a link: `anna%40example.org`.
    """
    if not isinstance(value, str) or len(value) < 3:
        return ""
    if not value.isascii():
        value = value.replace("\uff20", "@").replace("\ufe6b", "@")  # wide and small ones, of other keyboards
    if "%" in value:
        value = _QUOTED_DOT.sub(".", _QUOTED_AT.sub("@", value))
        value = unquote(unquote(value)) if len(value) < _SHORT else value
    if "@" in value and _MAIL.search(value):
        return "looks like mail"
    if "+" in value and _WITHIN.search(value):
        return "looks like phone"
    if len(value) > 45 or not _DIGIT.search(value):
        return ""
    if _is_ip(value):
        return "looks like ip"
    return "looks like phone" if _is_phone(value.strip()) else ""


def without_query(text: str, left_out: Counter[str]) -> str:
    """A link without user, query and fragment, which hold what people typed; other texts as they are."""
    if not _LINK.match(text):
        link, mark, query = text.partition("?")
        if not mark or "=" not in query or _SPACE.search(link):  # a question
            return text
    link = _QUERY.split(text, maxsplit=1)[0]
    scheme, slashes, rest = link.partition("//")
    if "/" not in scheme:
        host, slash, path = rest.partition("/")
        link = f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"
    if link != text:
        left_out["query of a link"] += 1
    return link


def _is_kept(name: str, value: object, left_out: Counter[str], *, named: bool) -> bool:
    plain, ending = _read_name(name[-_LONGEST_NAME:])
    if plain in PERSONAL or (plain == _MAYBE_PERSONAL and not named):
        return not _counted(plain, left_out)
    if ending and not isinstance(value, bool | None):  # has_email: true tells nothing
        return not _counted(ending, left_out)
    if isinstance(value, str) and value.startswith("?"):
        return not _counted("query of a link", left_out)
    return not (_counted(looks_personal(name), left_out) or _counted(_look(value), left_out))


@lru_cache(4_096)
def _read_name(name: str) -> tuple[str, str]:
    """A name as PERSONAL has it, and how it ends if that is personal: for customer_phone, `phone`."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    words = [word.lower() for word in _WORD.findall(name)]
    while words and (words[-1] in _COUNTERS or words[-1].isdigit()):
        words.pop()
    endings = ["".join(words[at:]) for at in range(max(0, len(words) - 3), len(words))]
    endings += [plain.removeprefix(who) for who in _PEOPLE if plain.startswith(who)]  # customerphone
    if words[-1:] == [_MAYBE_PERSONAL] and words[-2:-1] and words[-2] in _PEOPLE:
        return plain, _MAYBE_PERSONAL
    return plain, next((ending for ending in endings if ending in _ENDINGS), "")


def _plain(value: object) -> object:
    """A value without what is nested in it; of an object, its plain members."""
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if isinstance(inner, str | int | float)}
    return value if isinstance(value, str | int | float) else None


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return value[:_SHARED_TEXT] if isinstance(value, str) else value


def _look(value: object) -> str:
    """As looks_personal; the user, query and fragment of a link do not count, they are cut off anyway."""
    return looks_personal(without_query(value, Counter()) if isinstance(value, str) else value)


def _counted(kind: str, left_out: Counter[str]) -> bool:
    if kind:
        left_out[kind] += 1
    return bool(kind)


def _is_ip(text: str) -> bool:
    if text.count(".") != 3 and ":" not in text:
        return False
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _is_phone(text: str) -> bool:
    """E.164 with or without separators, or at least nine digits in three groups; not a day, not an amount."""
    if _INTERNATIONAL.fullmatch(text):
        return True
    if not _GROUPED.fullmatch(text) or _NUMBER.fullmatch(text):
        return False
    return sum(c.isdigit() for c in text) >= 9 and len(re.findall(r"\d+", text)) >= 3
