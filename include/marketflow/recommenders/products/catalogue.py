"""What is known of the products, as arrays over the same columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from numpy.typing import NDArray

    from marketflow.engines import Engine

GROUPS = ("type", "category", "brand", "department")
_WORDS = 20_000
_MEANINGS = 32


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One entry per product. `ids`: ascending. `groups`: numbers of its type, category, brand and department.

    `kinds`: products with the same readable name share a number, and a list names a kind once. `proposable`: may be
    recommended. `words`: products x words, TF-IDF of what is written about them; `meaning`: the same in few numbers
    (products x 32, latent semantic analysis: Deerwester et al. 1990).
    """

    ids: NDArray[np.int64]
    groups: dict[str, NDArray[np.int64]]
    kinds: NDArray[np.int64]
    proposable: NDArray[np.bool_]
    words: sp.csr_array
    meaning: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def catalogue_of(products: pd.DataFrame, *, engine: Engine, seed: int) -> Catalogue:
    """Of a frame with product_id, type, category, brand, department, name (text or none) and is_recommendable.

    Products without a type or category share none: each is a group of its own.
    """
    import numpy as np
    import pandas as pd

    frame = products.sort_values("product_id", ignore_index=True)

    def numbered(column: str) -> NDArray[np.int64]:
        texts = frame[column].where(frame[column].notna(), "\0" + frame["product_id"].astype(str))
        return np.asarray(pd.factorize(texts)[0], dtype=np.int64)

    named = (frame[column].fillna("").astype(str) for column in ("name", "type", "category", "brand"))
    words = _words([" ".join(texts) for texts in zip(*named, strict=True)])
    return Catalogue(
        ids=frame["product_id"].to_numpy(dtype=np.int64),
        groups={name: numbered(name) for name in GROUPS},
        kinds=numbered("name"),
        proposable=frame["is_recommendable"].to_numpy(dtype=bool),
        words=words,
        meaning=np.asarray(words @ engine.factorise(words, _MEANINGS, seed=seed), dtype=np.float32),
    )


def _words(texts: list[str]) -> sp.csr_array:
    """Rows of length 1; a word that stands in a single text only tells nothing about likeness."""
    import numpy as np
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(min_df=2, max_features=_WORDS, dtype=np.float32)
    try:
        return sp.csr_array(vectorizer.fit_transform(texts))
    except ValueError:  # not one word stands in two texts
        return sp.csr_array((len(texts), 1), dtype=np.float32)
