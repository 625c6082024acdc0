"""The vocabulary of the clusters: names of a few fixed words, so that they mean the same from run to run."""

from __future__ import annotations

from marketflow.segments.clusters.features import SHARE

# By feature: what customers are called who have more of it, and who have less. Age, income and the like are described,
# but name nobody. That who buys often was here lately goes without saying; so does that much of one thing is less of
# another.
_FREQUENCY = ("purchase_days", "frequent", "occasional")
_USUAL = "regular"
_PHRASES = (
    ("recency_days", "long away", None),
    ("basket", "big baskets", "small baskets"),
    ("discount_share", "much at a discount", "at full price"),
    ("weekend_share", "at weekends", "on weekdays"),
    ("evening_share", "in the evening", "by day"),
)
_MEANS = {
    phrase: (feature, sign)
    for feature, more, less in (_FREQUENCY, *_PHRASES)
    for phrase, sign in ((more, 1), (less, -1))
    if phrase
}
_MUCH = "much "
_SENTENCES = {  # with how their numbers are written
    "recency_days": ("They were last here {} days ago (all: {}).", ".0f"),
    "discount_share": ("Discounts take {} off what they buy (all: {}).", "%"),
    "weekend_share": ("{} of their orders are at weekends (all: {}).", "%"),
    "evening_share": ("{} of their orders are in the evening (all: {}).", "%"),
    "age": ("Where it is known, they are about {} years old (all: {}).", ".0f"),
    "household_size": ("Where it is known, {} people live together (all: {}).", ".1f"),
    "kids": ("Where it is known, they have {} children (all: {}).", ".1f"),
}
_FREQUENCY_FROM = 0.35  # standard deviations from everybody's mean
_PHRASE_FROM = 0.4
_FITS_FROM = 0.2  # a name is kept longer than it would be given, so that it does not change from day to day
_PHRASES_IN_NAME = 2
_TOLD_FROM = 0.25
_SENTENCES_MORE = 2


def names_of(difference: dict[str, float]) -> list[str]:
    """Names by what is most different (in standard deviations), the shortest first: each one has a word more.

    Such as `Frequent, big baskets` and `Occasional, much fuel`.
    """
    often = difference.get(_FREQUENCY[0], 0.0)
    first = _USUAL if abs(often) < _FREQUENCY_FROM else _FREQUENCY[1 if often > 0 else 2]
    strongest = sorted(_phrases(difference), key=lambda found: (-found[0], found[1]))
    clear = [phrase for size, phrase in strongest if size >= _PHRASE_FROM]
    more = [phrase for size, phrase in strongest if size < _PHRASE_FROM]
    start = min(len(clear), _PHRASES_IN_NAME)
    rest = clear[start:] + more
    beginnings = [[first, *clear[:start]], *([first, *clear[:start], *rest[: n + 1]] for n in range(len(rest)))]
    return [", ".join(parts).capitalize() for parts in beginnings]


def still_fits(name: str, difference: dict[str, float]) -> bool:
    """Whether each word of a name is still true of a cluster with these differences; a word that is not ours is not."""
    return all(_holds(phrase, difference) for phrase in name.lower().split(", "))


def describe(mean: dict[str, float], overall: dict[str, float], difference: dict[str, float]) -> str:
    """Two or three sentences that say in numbers what is different."""
    often = _times(mean["purchase_days"], overall["purchase_days"], "as often as the average")
    much = _times(mean["basket"], overall["basket"], "as much")
    told = {c: abs(d) for c, d in difference.items() if c.startswith(SHARE) or c in _SENTENCES}
    strongest = [c for c in sorted(told, key=lambda c: (-told[c], c)) if told[c] >= _TOLD_FROM][:_SENTENCES_MORE]
    more = [_sentence(column, mean[column], overall[column]) for column in strongest]
    return " ".join([f"They buy {often} and spend {much} each time.", *more])


def _sentence(column: str, value: float, average: float) -> str:
    """A feature beside everybody's, such as `18 % of their spending is fuel (all: 5 %).`"""
    if column.startswith(SHARE):
        return f"{_percent(value)} of their spending is {_department(column)} (all: {_percent(average)})."
    words, unit = _SENTENCES[column]
    if unit == "%":
        return words.format(_percent(value), _percent(average))
    return words.format(f"{value:{unit}}", f"{average:{unit}}")


def _department(column: str) -> str:
    """As names hold it: they are parted by commas."""
    return column.removeprefix(SHARE).replace(",", "").lower()


def _phrases(difference: dict[str, float]) -> list[tuple[float, str]]:
    """(size, phrase) of all that may be in a name."""
    words = [(difference.get(column, 0.0), more, less) for column, more, less in _PHRASES]
    words += [(d, _MUCH + _department(c), None) for c, d in difference.items() if c.startswith(SHARE)]
    sized = [(abs(d), more if d > 0 else less) for d, more, less in words if d]
    return [(size, phrase) for size, phrase in sized if phrase]


def _holds(phrase: str, difference: dict[str, float]) -> bool:
    if phrase == _USUAL:
        return abs(difference.get(_FREQUENCY[0], 0.0)) < 2 * _FREQUENCY_FROM
    if phrase in _MEANS:
        column, sign = _MEANS[phrase]
        return sign * difference.get(column, 0.0) >= _FITS_FROM
    shares = {_MUCH + _department(c): d for c, d in difference.items() if c.startswith(SHARE)}
    return shares.get(phrase, 0.0) >= _FITS_FROM


def _times(value: float, average: float, words: str) -> str:
    ratio = round(value / average, 1) if average > 0 else 1.0
    return f"about {words}" if ratio == 1 else f"{ratio:.1f} times {words}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
