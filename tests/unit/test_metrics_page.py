"""Every metric is explained, and every metric that dashboards and alerts ask for exists."""

import re

from grafana import generate
from tests import metrics_page


async def test_the_page_is_as_it_was_made() -> None:
    assert metrics_page.PAGE.read_text() == await metrics_page.text(), "run: python -m tests.metrics_page"


async def test_dashboards_and_alerts_ask_for_nothing_that_is_not_there() -> None:
    known = {sample.name for family in await metrics_page.families() for sample in family.samples}
    known |= {"sfu_drops_total", "sfu_rooms", "sfu_participants"}
    asked = generate.metrics() | set(
        re.findall(r"\b(?:sfu|process)_\w+", (generate.HERE / "alerts" / "sfu.yml").read_text())
    )
    # Words of a runbook may name a metric by its family.
    families = {name.removesuffix(end) for name in known for end in ("_bucket", "_count", "_sum", "")}
    assert asked - known - families == set()


async def test_every_metric_has_words_and_a_base_unit() -> None:
    for family in await metrics_page.families():
        assert len(family.documentation) > 5, family.name
        assert not re.search(r"_(ms|milliseconds|bits|bps|kb|percent)(_|$)", family.name), family.name
