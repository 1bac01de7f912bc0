"""«Скачать архив» in a browser: with a script it is counted while it is made, and saved whole; and «Все мои данные».

LETOPIS_SCREENS=1 keeps pictures of the pages, and of the PDF, in docs/screens.
"""

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from api.result_documents import document_of
from domain.reading import Medium, ReportRead
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, settle
from tests.api.test_journey import PHONE, SCREENS, Visitor, chromium, comes_true, visiting

__all__ = ["chromium"]


def test_ticked_results_become_one_file_and_its_making_is_seen(
    chromium: Browser, serve: Callable[..., Portal], laboratory: Laboratory, tmp_path: Path
) -> None:
    portal = serve(works=True)
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    for number in range(4):
        portal.submit(laboratory.seal(bundle(f"Л-{number}")))
    comes_true(lambda: len(cabinet.reports_of(portal.opened.ledger, person.patient_id)) == 4, "results came")
    with visiting(chromium, portal, PHONE) as anna:
        comes_in(anna, person)
        anna.go("/reports")
        ticks = anna.page.get_by_role("checkbox", name="Креатинин")
        ticks.nth(0).check()
        ticks.nth(2).check()
        with anna.page.expect_download() as made:
            anna.page.get_by_role("button", name="Скачать архив").click()
        made.value.save_as(tmp_path / "results.zip")
        expect(anna.page.locator("#making-said")).to_have_text("Архив готов")
        expect(anna.page.locator("#making-bar")).to_have_js_property("value", 1)
        anna.picture("archive")
        with zipfile.ZipFile(tmp_path / "results.zip") as archive:
            assert archive.testzip() is None
            assert sum(name.endswith("/receipt.json") for name in archive.namelist()) == 2
        assert made.value.suggested_filename == "rezultaty.zip"
        anna.go("/my-data")
        anna.picture("my-data")
        with anna.page.expect_download() as made:
            anna.press("Скачать все данные")
        made.value.save_as(tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as archive:
            assert archive.testzip() is None and "data/profile.json" in archive.namelist()
        (row, *_) = cabinet.reports_of(portal.opened.ledger, person.patient_id)
        anna.go(f"/reports/{row.report_id}")
        anna.page.get_by_text("Другие форматы").click()
        anna.picture("take-away")
        with anna.page.expect_download() as made:
            anna.page.get_by_role("link", name="Скачать PDF").click()
        assert made.value.suggested_filename.endswith(".pdf")
    media = [one.event.medium for one in portal.events(ReportRead)]
    assert media.count(Medium.ARCHIVE) == 6 and media.count(Medium.PDF) == 1
    for locale in ("ru", "en"):
        keep_picture(portal, person, locale, tmp_path)


def comes_in(anna: Visitor, person: Person) -> None:
    """With the session that the person has already."""
    url = person.portal.opened.settings.public_url
    cookies = [{"name": one.name, "value": str(one.value), "url": url} for one in person.client.cookies.jar]
    anna.page.context.add_cookies(cookies)  # type: ignore[arg-type]


def keep_picture(portal: Portal, person: Person, locale: str, folder: Path) -> None:
    """What the PDF looks like, both its pages side by side, for people to look at."""
    if os.environ.get("LETOPIS_SCREENS") != "1":
        return
    (row, *_) = cabinet.reports_of(portal.opened.ledger, person.patient_id)
    made = document_of(
        portal.opened.ledger,
        row.report_id,
        person.patient_id,
        Medium.PDF,
        locale=locale,  # type: ignore[arg-type]
        time_zone="Europe/Moscow",
    )
    path = folder / f"{locale}.pdf"
    path.write_bytes(made.content)
    for page, name in ((1, "result-pdf"), (2, "result-pdf-receipt")):
        target = SCREENS / f"{name}-{locale}"
        command = ["pdftoppm", "-png", "-r", "70", "-gray", "-f", str(page), "-l", str(page), "-singlefile"]
        subprocess.run([*command, path, target], check=True)
