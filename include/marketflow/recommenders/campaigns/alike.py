"""How alike campaigns are, by what is known of them before anybody has answered.

Theme, channel, place, season, products and words. How much a word tells depends on how many campaigns have it, and of
them later ones count too: a campaign of the past is seen with a little knowledge of what campaigns would be called, and
none of how they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from marketflow.recommenders.campaigns.known import Campaigns

    Floats = NDArray[np.float64]

_YEAR_DAYS = 365.25
_FEWEST_WORDS = 2


def alikeness(campaigns: Campaigns) -> Floats:
    """(campaigns, campaigns): from 0 to 1, the mean over what is known of both; 1 on the diagonal."""
    import numpy as np

    n = len(campaigns)
    total, known = np.zeros((n, n)), np.zeros((n, n))
    parts = [*(_same(names) for names in campaigns.traits.values()), _season(campaigns), _products(campaigns)]
    for alike, told in [*parts, _words(campaigns.texts)]:
        both = told[:, None] & told[None, :]
        total += np.where(both, alike, 0.0)
        known += both
    mean: Floats = total / np.maximum(known, 1)
    np.fill_diagonal(mean, 1.0)
    return mean


def _same(names: list[str]) -> tuple[Floats, NDArray[np.bool_]]:
    import numpy as np

    texts = np.array(names, dtype=object)
    return (texts[:, None] == texts[None, :]).astype(np.float64), texts != ""


def _season(campaigns: Campaigns) -> tuple[Floats, NDArray[np.bool_]]:
    """By the distance of the middles on the circle of the year: 1 on the same day, 0 half a year apart."""
    import numpy as np

    angle = (campaigns.starts + campaigns.ends) / 2 * (2 * np.pi / _YEAR_DAYS)
    return (1 + np.cos(angle[:, None] - angle[None, :])) / 2, np.ones(len(campaigns), dtype=bool)


def _products(campaigns: Campaigns) -> tuple[Floats, NDArray[np.bool_]]:
    """Cosine of the sets of products."""
    import numpy as np

    sizes = np.sqrt(np.asarray(campaigns.products.sum(axis=1), dtype=np.float64)).ravel()
    common = (campaigns.products @ campaigns.products.T).toarray()
    return common / np.maximum(np.outer(sizes, sizes), 1), sizes > 0


def _words(texts: list[str]) -> tuple[Floats, NDArray[np.bool_]]:
    """Cosine of names and words by TF-IDF, in any language: pieces of two to four letters within words."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    told = np.array([len(text.strip()) >= _FEWEST_WORDS for text in texts], dtype=bool)
    if told.sum() < 2:
        return np.zeros((len(texts), len(texts))), np.zeros(len(texts), dtype=bool)
    try:
        vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=20_000).fit_transform(texts)
    except ValueError:  # nothing but spaces
        return np.zeros((len(texts), len(texts))), np.zeros(len(texts), dtype=bool)
    return (vectors @ vectors.T).toarray(), told
