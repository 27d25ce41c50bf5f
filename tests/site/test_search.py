"""What a student types finds the page to read, first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from site_tools import Visit

QUERIES = {
    # what is typed, and the page that has to come first; none of these is a heading
    "canonicalization": "chapters/05_isometric_cross_sections",
    "canonicalisation": "chapters/05_isometric_cross_sections",
    "canonical form": "chapters/05_isometric_cross_sections",
    "graph autoencoder": "chapters/08_graph_vae",
    "graph auto-encoder": "chapters/08_graph_vae",
    "VAE": "chapters/08_graph_vae",
    "permutation equivariant VAE": "chapters/08_graph_vae",
    "equivariance error": "chapters/13_the_lie_derivative",
    "LEE": "chapters/13_the_lie_derivative",
    "aliasing": "chapters/13_the_lie_derivative",
    "max filter": "chapters/06_random_invariant_projections",
    "complete invariants": "chapters/06_random_invariant_projections",
    "bispectrum": "chapters/06_random_invariant_projections",
    "qm9": "chapters/07_qm9_and_its_permutations",
    "weisfeiler lehman": "chapters/07b_ties_and_symmetries",
    "colour refinement": "chapters/07b_ties_and_symmetries",
    "graph isomorphism": "chapters/07b_ties_and_symmetries",
    "rotated mnist": "chapters/10_rotation_equivariant_classifier",
    "e2cnn": "chapters/10_rotation_equivariant_classifier",
    "steerable cnn": "chapters/10_rotation_equivariant_classifier",
    "g-cnn": "chapters/10_rotation_equivariant_classifier",
    "data augmentation": "chapters/12_symmetry_from_augmentation",
    "orbit distance": "chapters/04_quotient_spaces",
    "quotient metric": "chapters/04_quotient_spaces",
    "fundamental domain": "chapters/05_isometric_cross_sections",
    "sorting": "chapters/05_isometric_cross_sections",
    "orbit stabilizer": "chapters/02_groups_and_actions",
    "burnside": "chapters/02_groups_and_actions",
    "irreps": "chapters/02b_irreducible_pieces",
    "schur's lemma": "chapters/02b_irreducible_pieces",
    "nearest neighbours": "chapters/09_reading_the_molecular_latent_space",
    "latent interpolation": "chapters/09_reading_the_molecular_latent_space",
    "vision transformer": "chapters/14_learned_equivariance",
    "augerino": "chapters/15_discovering_symmetry",
    "weight sharing": "chapters/15a_sharing_and_evidence",
    "approximate equivariance": "chapters/16_relaxing_symmetry",
    "soft equivariance": "chapters/16_relaxing_symmetry",
    "residual pathway prior": "chapters/16_relaxing_symmetry",
    "colab": "book/how_to_run",
    "gradescope": "book/grading",
    "syllabus": "book/instructors",
}
FIRST = """
query => {
  const [, ...words] = Search._parseQuery(query);
  const found = Search._performSearch(query, ...words);
  return found.length ? found[found.length - 1][0] : null;
}
"""


@pytest.mark.browser
def test_forty_queries_find_their_page_first(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    visit.open(f"{serve(site)}search.html?q=orbit")
    visit.tab.wait_for_selector("#search-results li a")
    first = {query: visit.tab.evaluate(FIRST, query) for query in QUERIES}
    wrong = {query: page for query, page in first.items() if page != QUERIES[query]}
    assert not wrong


@pytest.mark.browser
@pytest.mark.parametrize("query", ["canonicalisation", "graph auto-encoder"])
def test_the_first_that_is_shown_is_the_first_that_is_found(
    site: Path, serve: Callable[[Path], str], visit: Visit, query: str
) -> None:
    visit.open(f"{serve(site)}search.html?q={query}")
    shown = visit.tab.wait_for_selector("#search-results li a")
    assert shown.get_attribute("href").split("#")[0].split("?")[0] == f"{QUERIES[query]}.html"


@pytest.mark.browser
def test_pages_and_queries_are_stemmed_alike(
    site: Path, serve: Callable[[Path], str], visit: Visit
) -> None:
    from search_words import SearchOneSpelling

    words = ["canonicalisation", "canonicalization", "generalises", "analyse", "colours", "colour"]
    words += ["neighbouring", "centres", "noise", "modelled", "labelling", "exercise", "four"]
    words += ["hours", "promise", "precision", "orbits", "equivariance"]
    visit.open(f"{serve(site)}search.html?q=orbit")
    visit.tab.wait_for_selector("#search-results li a")
    there = visit.tab.evaluate("words => words.map(w => new Stemmer().stemWord(w))", words)
    language = SearchOneSpelling({})
    assert there == [language.stem(word) for word in words]
    assert language.stem("canonicalisation") == language.stem("canonicalization")
    assert language.stem("noise") != language.stem("norm")
