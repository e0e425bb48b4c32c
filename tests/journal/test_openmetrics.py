"""The text of figures, read as programs read it."""

from couchreg.journal.asking import Asked, Over
from couchreg.journal.figures import RequestFigures
from couchreg.journal.openmetrics import Family, Histogram, Sample, counter, gauge, gauges, histogram, text


def test_each_family_is_told_with_its_type_and_the_text_has_an_end() -> None:
    told = text([counter("a", "An a.", 1), gauge("b", "A b.", None), gauges("c", "C.", "d", {"e": 2.5})])
    lines = ["# TYPE a counter", "# HELP a An a.", "a_total 1", "# TYPE b gauge", "# HELP b A b."]
    lines += ["# TYPE c gauge", "# HELP c C.", 'c{d="e"} 2.5', "# EOF", ""]
    assert told == "\n".join(lines)


def test_what_stands_in_a_label_cannot_leave_it() -> None:
    told = text([Family("a", "gauge", "One\nline.", [Sample("", {"b": 'x"\n\\\udc80'}, 1)])])
    assert told.splitlines()[1:3] == ["# HELP a One\\nline.", 'a{b="x\\"\\n\\\\?"} 1']


def test_a_bucket_counts_all_that_took_no_longer() -> None:
    times = Histogram()
    for seconds in (0.0, 0.001, 0.02, 1000.0):
        times.add(seconds)
    samples = histogram("a", "", [({}, times)]).samples
    found = {sample.labels.get("le", sample.suffix): sample.value for sample in samples}
    assert (found["0.001"], found["0.01"], found["0.025"], found["60.0"], found["+Inf"]) == (2, 2, 3, 3, 4)
    assert (found["_count"], found["_sum"]) == (4, 1000.021)


def test_nothing_that_a_client_makes_up_becomes_a_name() -> None:
    figures = RequestFigures()
    for number in range(1000):
        figures.add(Over(Asked("registry", {}, None), f"METHOD{number}", "/", 405, 10, 0.1, 1.0))
    told = text(figures.families())
    assert 'couchreg_requests_total{door="registry",route="none",method="other",status="405"} 1000' in told
    assert "METHOD" not in told
