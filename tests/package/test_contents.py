"""Files that the descriptor calls by the same letters, encoded otherwise."""

from unicodedata import normalize

import pytest

from couchreg.package.contents import choose_files

NFC, NFD = (normalize(form, "été/é.csv") for form in ("NFC", "NFD"))
MIXED = f"{normalize('NFD', 'été')}/{normalize('NFC', 'é')}.csv"


def named(*paths: str) -> dict[str, object]:
    return {"resources": [{"name": f"t{number}", "path": path} for number, path in enumerate(paths)]}


@pytest.mark.parametrize(("stated", "there"), [(NFC, NFD), (NFD, NFC), (MIXED, NFC), (NFD, MIXED)])
def test_the_one_file_that_can_be_meant_is_taken(stated: str, there: str) -> None:
    chosen = choose_files(named(stated), ["a.csv", there])
    assert (chosen.taken, chosen.left_out, chosen.called) == ([there], ["a.csv"], {there: stated})


@pytest.mark.parametrize(
    ("stated", "there"),
    [
        ([NFC], [NFC]),
        ([NFC], [NFC, NFD]),  # the very one is there
        ([NFC], [NFD, MIXED]),  # two could be meant
        ([NFC, MIXED], [NFD]),  # two mean it
        ([NFC], ["été/e.csv"]),
        ([NFC], [NFD.upper()]),
    ],
)
def test_where_it_is_not_certain_nothing_is_taken_for_another(stated: list[str], there: list[str]) -> None:
    chosen = choose_files(named(*stated), there)
    assert chosen.called == {}
    assert chosen.taken == [path for path in there if path in stated]
