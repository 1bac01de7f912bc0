"""Every page of the portal reads well in both languages, for every eye, width and theme, with no script."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError, nodes
from playwright.sync_api import Browser, Page, sync_playwright

from api import pages
from api.page_words import FAMILIES
from api.pages import (
    FONTS,
    LOCALES,
    STATIC,
    TEMPLATES,
    Locale,
    UntranslatedError,
    catalogue_files,
    date_text,
    datetime_text,
    decimal_text,
    phrase,
    plural_phrase,
    render,
)
from api.totp import qr_svg
from tests.api.account_samples import ACCOUNT_SAMPLES
from tests.api.appeal_samples import APPEAL_SAMPLES
from tests.api.consent_samples import CONSENT_SAMPLES
from tests.api.consultation_samples import CONSULTATION_SAMPLES
from tests.api.contact_samples import CONTACT_SAMPLES
from tests.api.correction_samples import CORRECTION_SAMPLES, NOTHING
from tests.api.delivery_samples import DELIVERY_SAMPLES
from tests.api.diagnosis_samples import DIAGNOSIS_SAMPLES, HUB
from tests.api.document_samples import DOCUMENT_SAMPLES
from tests.api.erasure_samples import ERASURE_SAMPLES
from tests.api.evidence_samples import EVIDENCE_SAMPLES
from tests.api.list_samples import LIST_SAMPLES, steps
from tests.api.mail_samples import MAIL_SAMPLES
from tests.api.organisation_samples import ORGANISATION_SAMPLES
from tests.api.push_samples import PUSH_SAMPLES
from tests.api.recovery_samples import RECOVERY_SAMPLES
from tests.api.report_samples import REPORT_SAMPLES, rendered
from tests.api.role_samples import ROLE_SAMPLES
from tests.api.share_samples import SHARE_SAMPLES
from tests.api.staff_samples import STAFF_SAMPLES
from tests.api.take_away_samples import TAKE_AWAY_SAMPLES
from tests.api.ticket_samples import TICKET_SAMPLES
from tests.api.trend_samples import TREND_SAMPLES
from tests.api.ward_samples import WARD_SAMPLES

THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
AXE = Axe()
CHROMIUM = Path("/usr/bin/chromium")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
EARLIER = datetime(2026, 10, 2, 14, 40, tzinfo=UTC)
WRONG = {
    "code": "PROFILE-7",
    "text": "Контрольное число СНИЛС не сходится.",
    "advice": "Сверьте последние цифры.",
}
NAV = [
    {"href": "/reports", "label_id": "nav.reports", "current": True},
    {"href": "/services", "label_id": "nav.services", "current": False},
    {"href": "/consents", "label_id": "nav.consents", "current": False},
    {"href": "/access", "label_id": "nav.access", "current": False},
    {"href": "/settings", "label_id": "nav.settings", "current": False},
    {"href": "/help", "label_id": "nav.help", "current": False},
]
FRAME: dict[str, Any] = {"csrf": "t0ken", "nav": NAV, "signed_in": True, "notice": None, "path": "/here"}
DOOR: dict[str, Any] = {"nav": [], "signed_in": False, "errors": {}, "values": {}}


STUDIES: dict[str, Any] = {
    "organisations": [{"id": "7", "name": "Поликлиника № 12"}], "organisation": "7", "values": {},
    "coverages": FAMILIES["studies.coverage"], "groups": [{"type": "hormones", "studies": [
        {"code": "3016-3", "name": "Тиреотропный гормон (ТТГ)"}, {"code": "3024-7", "name": "Тироксин"}]}],
}  # fmt: skip


def requested(state: str) -> dict[str, Any]:
    return {
        "id": "0190", "number": "7K2QM-0XRTA", "name": "Тиреотропный гормон (ТТГ)", "type": "hormones",
        "material": "venous-blood", "preparation": "fasting-and-rest", "organisation": "Поликлиника № 12",
        "coverage": "contract", "paid": None if state == "requested" else "patient",
        "is_urgent": state == "sampled", "is_pressing": False, "is_open": state not in ("fulfilled", "cancelled"),
        "is_before_sample": state in ("requested", "scheduled"), "state": state,
        "barrier": "organisation-not-linked" if state == "waiting" else None, "starts_at": AT,
        "point": "Процедурный кабинет, ул. Примерная, 1", "taken_at": EARLIER, "due_at": AT,
        "mended_at": "/services/organisations" if state == "waiting" else None, "steps": steps(state),
        "report_id": "0191" if state == "fulfilled" else None,
    }  # fmt: skip


RECEIVING: dict[str, Any] = {
    "organisations": [{"id": "7", "name": "Поликлиника № 12", "is_on": True},
                      {"id": "8", "name": "Лаборатория «Северный ветер»", "is_on": False}],
    "groups": [{"key": "common", "types": ["blood-count", "hormones"]},
               {"key": "instrumental", "types": ["instrumental"]}],
    "documents": {"is_on": True, "has_consent": False},
    "wanted": ["blood-count", "other"], "may_set_notices": True, "periodicity": "daily", "document_format": "xml",
    "channels": ["email", "sms"], "formats": FAMILIES["receiving.format"],
    "check_lists": FAMILIES["receiving.check_list"], "check_list": "weekly",
}  # fmt: skip
PROFILE_CHOICES: dict[str, Any] = {
    "citizenships": (("RU", "Россия"), ("AM", "Армения")), "regions": (("77", "Москва"),), "is_confirmed": False,
    "email_confirmed": None,
    "document_kinds": FAMILIES["identity.document"],
}  # fmt: skip
CAUSE = WRONG | {"field": "birth_date", "href": "/services/profile#birth_date"}
IDENTITY: dict[str, Any] = {
    "suspended": None, "errors": {}, "kinds": FAMILIES["identity.scan"], "kind": "snils",
    "refused": CAUSE, "missing": [CAUSE, CAUSE | {"field": None, "href": None}],
    "scans": [{"id": str(number), "kind": kind, "media_type": "image/jpeg", "size_bytes": 2_400_000, "added_at": AT}
              for number, kind in enumerate(FAMILIES["identity.scan"])],
    "history": [{"at": AT, "what": what, "why": CAUSE if what == "refused" else None}
                for what in FAMILIES["identity.event"]],
}  # fmt: skip
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "sign_in": ("sign_in.html", DOOR),
    "sign_in-refused": ("sign_in.html", DOOR | {
        "errors": {"form": WRONG | {"text": "Телефон или пароль не подошли."}}, "values": {"phone": "+7912"},
        "notice": {"kind": "warning", "text_id": "notice.session-ended"}}),
    "register": ("register.html", DOOR),
    "code": ("code.html", DOOR | {"action": "/register/code", "phone_tail": "45-67", "minutes": 10,
        "errors": {"code": {"code": "CODE-2", "text": "Код не подошёл.", "advice": "Осталось 2 попытки."}},
        "values": {"code": "123450"}}),
    "services": ("services.html", {"notice": {"kind": "success", "text_id": "notice.policy-linked"},
        "steps": [
        {"key": key, "done": at < 3, "href": f"/services/{key}"}
        for at, key in enumerate(FAMILIES["services.step"])], **HUB}),
    "services-done": ("services.html", HUB | {"region": {"code": "region-ok", "verdict": "ok"}, "steps": [
        {"key": key, "done": True, "href": "/s"} for key in FAMILIES["services.step"]]}),
    "profile": ("profile.html", PROFILE_CHOICES | {
        "errors": {"birth_date": WRONG | {"text": "Такого дня нет в календаре."},
            "sex": WRONG, "snils": WRONG},
        "values": {"family": "Образцова", "birth_date": "31.02.1977", "snils": "11223344594"}}),
    "profile-confirmed": ("profile.html", PROFILE_CHOICES | {"is_confirmed": True, "email_confirmed": "a•••@mail.example", "values": {
        "document_kind": "passport-rf", "citizenship": "RU"},
        "errors": {"document_kind": WRONG, "region": WRONG, "document_number": WRONG}}),
    **{f"identity-{state}": ("identity.html", IDENTITY | {"state": state})
       for state in FAMILIES["identity.state"]},
    "identity-wrong": ("identity.html", IDENTITY | {"state": "missing", "suspended": "unpaid-fines",
        "errors": {"kind": WRONG, "scan": WRONG}, "scans": [], "history": [], "missing": [], "refused": None}),
    "policy": ("policy.html", {"policy": {"kind": "temporary-policy", "number_masked": "•••• 0010",
        "linked_at": EARLIER, "valid_until": "2027-01-12"}, "kinds": FAMILIES["policy.kind"],
        "errors": {}, "values": {}}),
    "policy-none": ("policy.html", {"policy": None, "kinds": FAMILIES["policy.kind"],
        "errors": {"kind": WRONG, "number": WRONG, "series": WRONG, "issued_on": WRONG},
        "values": {"number": "99", "kind": "old-policy"}}),
    "policy_unlink": ("policy_unlink.html", {"policy": {"kind": "enp", "number_masked": "•••• 0010",
        "linked_at": EARLIER, "valid_until": None}}),
    "receiving": ("receiving.html", {"errors": {}, "has_policy": True, **RECEIVING}),
    "receiving-wrong": ("receiving.html", {"has_policy": False, **RECEIVING, "channels": [],
        "errors": {"study": WRONG, "format": WRONG}, "organisations": []}),
    "check_list": ("check_list.html", {"since": EARLIER, "until": AT, "period": "monthly", "total": 3,
        "periods": FAMILIES["receiving.check_list"], "organisations": [
            {"name": "Поликлиника № 12", "count": 3, "is_linked": True, "is_on": True,
             "types": [("blood-count", 2), ("other", 1)]},
            {"name": "Лаборатория", "count": 0, "is_linked": True, "is_on": True, "types": []},
            {"name": "Больница", "count": 0, "is_linked": False, "is_on": False, "types": []}]}),
    "check_list-none": ("check_list.html", {"since": EARLIER, "until": AT, "period": "weekly", "total": 0,
        "periods": FAMILIES["receiving.check_list"], "organisations": []}),
    "studies": ("studies.html", STUDIES | {"errors": {}, "is_urgent": False}),
    "studies-wrong": ("studies.html", STUDIES | {"is_urgent": True,
        "errors": {"organisation": WRONG, "study": WRONG, "coverage": WRONG}}),
    "studies-none": ("studies.html", STUDIES | {"organisations": [], "errors": {"organisation": WRONG},
        "is_urgent": True}),
    "study_check": ("study_check.html", {"patient": {"name": "Образцова Мария", "birth_date": "1977-11-04",
        "policy": "•••• 0010", "email": None}, "order": {"organisation": "7", "study": "3016-3",
        "organisation_name": "Поликлиника № 12", "name": "Тиреотропный гормон (ТТГ)", "coverage": "policy",
        "material": "venous-blood", "preparation": "fasting", "usual_days": 3, "is_urgent": True}}),
    **{f"study_request-{state}": ("study_request.html", {"errors": {}, "values": {}, "asked": requested(state),
        "points": [{"name": "Процедурный кабинет", "address": "ул. Примерная, 1", "times": [
            {"value": "П-1|2026-11-24T08:00:00+03:00", "at": AT}]}]})
        for state in FAMILIES["request.state"]},
    "study_request-wrong": ("study_request.html", {"errors": {"slot": WRONG, "receipt": WRONG}, "values": {},
        "asked": requested("requested"), "points": []}),
    "expected": ("expected.html", {"requests": [requested(state) for state in FAMILIES["request.state"]], "waiting": [
        {"count": 2, "organisation": "Поликлиника № 12", "reason": "consent-missing", "href": "/consents"}]}),
    "expected-none": ("expected.html", {"requests": [], "waiting": []}),
    "policy_unlink-none": ("policy_unlink.html", {"policy": None}),
    **ORGANISATION_SAMPLES,
    **CONSENT_SAMPLES,
    "problem": ("problem.html", {"problem": {"status": 404, "title": "Такой страницы нет",
        "code": "NOT-FOUND", "detail": "Возможно, ссылка устарела.",
        "advice": "Откройте раздел «Анализы» и найдите результат там."}, "home": "/"}),
    **LIST_SAMPLES,
    **MAIL_SAMPLES,
    **ROLE_SAMPLES,
    **ERASURE_SAMPLES,
    **SHARE_SAMPLES,
    **STAFF_SAMPLES,
    **WARD_SAMPLES,
    **TICKET_SAMPLES,
    **TREND_SAMPLES,
    **ACCOUNT_SAMPLES,
    **CONSULTATION_SAMPLES,
    **CONTACT_SAMPLES,
    **CORRECTION_SAMPLES,
    **RECOVERY_SAMPLES,
    **PUSH_SAMPLES,
    **APPEAL_SAMPLES,
    **DIAGNOSIS_SAMPLES,
    **DELIVERY_SAMPLES,
    **DOCUMENT_SAMPLES,
    **REPORT_SAMPLES,
    **EVIDENCE_SAMPLES,
    **TAKE_AWAY_SAMPLES,
}  # fmt: skip
HTML_SAMPLES = sorted(name for name, (template, _) in SAMPLES.items() if template.endswith(".html"))
SCREENS = [name for name in HTML_SAMPLES if not name.startswith(("mail", "letter"))]


@cache
def page(name: str, locale: Locale = "ru") -> str:
    template, context = SAMPLES[name]
    return rendered(template, locale, FRAME | context)


class Form(HTMLParser):
    """The elements of a page with their attributes, and a refusal of tags closed out of order."""

    VOID = frozenset({"meta", "link", "input", "br", "use", "hr", "img"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"


@cache
def catalogue(locale: Locale) -> dict[str, tuple[str, ...]]:
    """Every id with its forms; more than one where the words depend on a number."""
    messages = []
    for part in catalogue_files(locale):
        with part.open("rb") as source:
            messages += [one for one in read_po(source, locale=locale, abort_invalid=True) if one.id]
    ids = [str(message.id) for message in messages]
    assert len(ids) == len(set(ids)), "a word stands in two parts"
    assert not any(message.fuzzy for message in messages)
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        )
        for message in messages
    }


def constants(node: nodes.Node) -> list[str]:
    found = [node] if isinstance(node, nodes.Const) else list(node.find_all(nodes.Const))
    return [constant.value for constant in found if isinstance(constant.value, str)]


def template_ids() -> set[str]:
    """The ids in the sources: gettext calls, values of `..._id` arguments, and whole families."""
    used: set[str] = set()
    for source in TEMPLATES.iterdir():
        for call in Environment(autoescape=True).parse(source.read_text("utf-8")).find_all(nodes.Call):
            name = call.node.name if isinstance(call.node, nodes.Name) else ""
            if name in {"gettext", "ngettext"}:
                used.update(constants(call.args[0]) if not isinstance(call.args[0], nodes.Getattr) else ())
            if name == "fact":
                used.update(constants(call.args[0]))
            if name == "word":
                (family,) = constants(call.args[0])
                used.update(f"{family}.{member}" for member in FAMILIES[family])
            for keyword in call.kwargs:
                used.update(constants(keyword.value) if keyword.key.endswith("_id") else ())
    return used


def test_both_catalogues_hold_exactly_the_words_that_pages_use() -> None:
    routes = {f"{family}.{member}" for family, members in FAMILIES.items() for member in members}
    python = set(re.findall(r'phrase\(\s*"([^"]+)"', Path(pages.__file__).read_text("utf-8")))
    used = template_ids() | routes | python
    for locale in LOCALES:
        assert catalogue(locale).keys() == used


def parts_of_others() -> set[str]:
    """Templates that others are made of, and that nobody is shown by themselves."""
    kinds = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)
    return {
        name
        for source in TEMPLATES.iterdir()
        for node in Environment(autoescape=True).parse(source.read_text("utf-8")).find_all(kinds)
        for name in constants(node.template)
    }


def test_every_template_has_a_sample_which_everything_here_looks_at() -> None:
    """Accessibility too: a page without a sample would be looked at by nobody."""
    # A result's article is made apart from its page: its bytes are what is logged. A line of the chat comes by itself.
    parts = parts_of_others() | {"result_article.html", "ticket_entry.html"}
    assert {path.name for path in TEMPLATES.iterdir()} == parts | {
        template for template, _ in SAMPLES.values()
    }
    assert parts.isdisjoint(template for template, _ in SAMPLES.values())


def test_every_form_of_a_word_has_the_same_blanks_in_both_languages() -> None:
    russian, english = (
        {
            key: {frozenset(re.findall(r"\{(\w*)\}", form)) for form in forms}
            for key, forms in catalogue(of).items()
        }
        for of in LOCALES
    )
    assert russian == english
    assert all(len(blanks) == 1 for blanks in russian.values())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_page_renders_in_each_language_without_a_bare_id(name: str, locale: Locale) -> None:
    text = page(name, locale)
    dotted = {found for found in catalogue("ru") if "." in found}
    assert dotted & set(re.findall(r"[\w.-]*\w", text)) == set()
    assert not re.search(r"\bNone\b", text)


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_is_well_formed_and_carries_no_inline_style_or_script(name: str) -> None:
    elements = Form(page(name)).elements
    assert "style" not in {tag for tag, _ in elements}
    for tag, attrs in elements:
        if tag == "script":
            assert (attrs.get("src") or "").startswith("/static/") and "defer" in attrs, attrs
    assert not [key for _, attrs in elements for key in attrs if key == "style" or key.startswith("on")]
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    loaded = [
        attrs[key] or ""
        for tag, attrs in elements
        for key in ("src", "href")
        if key in attrs and tag in {"link", "use", "img"}
    ]
    assert all(address.startswith("/static/") or address.endswith("/qr.svg") for address in loaded)


@pytest.mark.parametrize("name", SCREENS)
def test_every_posting_form_carries_the_csrf_token(name: str) -> None:
    if name.startswith("unsubscribe"):
        return  # its address is the proof: mail programs have no token (RFC 8058)
    forms = re.findall(r'<form[^>]*method="post".*?</form>', page(name), re.DOTALL)
    assert all('<input type="hidden" name="csrf" value="t0ken">' in form for form in forms)


@pytest.mark.parametrize("name", HTML_SAMPLES)
def test_every_symbol_on_a_page_is_in_the_icon_file(name: str) -> None:
    known = set(re.findall(r'<symbol id="([a-z]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    assert set(re.findall(r"icons\.svg#([a-z]+)", page(name))) <= known


def test_a_name_with_markup_stays_text() -> None:
    assert "&lt;b&gt;Мария&lt;/b&gt;" in page("report-void")


def test_a_forgotten_context_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("reports.html", locale="ru", **FRAME)


def test_an_unknown_word_is_an_error() -> None:
    notice = {"kind": "success", "text_id": "notice.nothing"}
    with pytest.raises(UntranslatedError):
        render("access.html", locale="ru", **FRAME | NOTHING | {"notice": notice})


def test_the_letter_says_nothing_about_health_or_the_organisation() -> None:
    for locale in LOCALES:
        for name in (name for name in SAMPLES if name.startswith("mail-")):
            assert "https://cabinet.example/d/1" in page(name, locale)
    assert phrase("mail.subject.ready", locale="ru") == "Новый документ в личном кабинете"
    for name in (name for name in MAIL_SAMPLES if name.endswith("-text")):
        assert not re.search("анализ|лаборатор|результат", page(name), re.IGNORECASE)


def test_new_reports_come_first_whatever_the_order_given() -> None:
    text = page("reports")
    assert text.index("Посев") < text.index("Гормоны щитовидной железы")


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 показатель"), (3, "3 показателя"), (11, "11 показателей"), (21, "21 показатель")],
)
def test_russian_numbers_take_their_own_form(count: int, words: str) -> None:
    assert plural_phrase("reports.observations", count, locale="ru") == words


@pytest.mark.parametrize(
    ("given_value", "russian", "english"),
    [
        ("1977", "1977", "1977"),
        ("1977-11", "ноябрь 1977", "November 1977"),
        ("1977-11-04", "04.11.1977", "4 Nov 1977"),
        ("1977-13", "1977-13", "1977-13"),
        ("1977-02-30", "1977-02-30", "1977-02-30"),
        ("197711", "197711", "197711"),
        ("вчера", "вчера", "вчера"),
        ("2026-11-22T23:30:00Z", "23.11.2026", "23 Nov 2026"),
    ],
)
def test_a_date_is_shown_as_exactly_as_it_was_sent(given_value: str, russian: str, english: str) -> None:
    assert date_text(given_value, locale="ru") == russian
    assert date_text(given_value, locale="en") == english


def test_a_time_names_its_zone_and_none_is_invented() -> None:
    assert datetime_text(AT, locale="ru") == "23.11.2026, 08:15\u00a0МСК"
    assert datetime_text(AT, locale="en") == "23 Nov 2026, 08:15\u00a0MSK"
    assert datetime_text(AT, locale="ru", time_zone="Asia/Kolkata") == "23.11.2026, 10:45\u00a0UTC+5:30"
    assert datetime_text("2026-11-23T08:15:00", locale="ru") == "23.11.2026, 08:15"
    assert datetime_text("2026-11", locale="ru") == "ноябрь 2026"
    # Where the calendar ends another clock may have no such time: it is shown as it was sent.
    for text in ("0001-01-01T00:00:00+03:00", "9999-12-31T23:59:59Z", "0000-05"):
        assert datetime_text(text, locale="ru", time_zone="Asia/Tokyo") == text
    assert datetime_text("2026-11-23", locale="ru") == "23.11.2026"


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_every_digit_as_sent(value: Decimal) -> None:
    assert decimal_text(value, locale="en") == str(value)
    assert decimal_text(value, locale="ru").replace(",", ".") == str(value)


def test_only_a_plain_decimal_takes_the_comma() -> None:
    assert decimal_text("72.50", locale="ru") == "72,50"
    assert [decimal_text(text, locale="ru") for text in ("1.2.3", "1:160", "v1.5", "3.9-6.1")] == [
        "1.2.3",
        "1:160",
        "v1.5",
        "3.9-6.1",
    ]


class Portal(BaseHTTPRequestHandler):
    """Serves the samples and the static files under the portal's own Content-Security-Policy."""

    TYPES: ClassVar = {
        ".css": "text/css",
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
        ".ttf": "font/ttf",
    }

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        kind = "text/html; charset=utf-8"
        if path.endswith("/qr.svg"):
            kind, body = "image/svg+xml", qr_svg(b"1" * 20, "+79000000001")
        elif path.endswith("/state"):
            kind, body = "application/json", b'{"state": "waiting"}'
        elif path.endswith("/live"):
            # A chat in which nothing more comes.
            kind, body = "text/event-stream", b"retry: 600000\n\n"
        elif path.startswith("/static/"):
            name = Path(path).name
            kind = self.TYPES[Path(name).suffix]
            body = ((FONTS if path.startswith("/static/fonts/") else STATIC) / name).read_bytes()
        elif path == "/axe.js":
            kind, body = "text/javascript", AXE.axe_script.encode()
        else:
            _, locale, name = path.split("/")
            body = page(name, "en" if locale == "en" else "ru").encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        if path.startswith(("/static/", "/axe.js")):
            self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test's output stays quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing: pages are NOT checked for accessibility (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--no-first-run", "--disable-gpu"]  # fmt: skip
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=quiet)
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Browser, address: str, path: str) -> Iterator[tuple[Page, list[str]]]:
    """A tab on the page, and all that the browser had to say: a refused style, a missing file."""
    said: list[str] = []
    with browser.new_context(viewport={"width": 320, "height": 900}) as context:
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        tab.goto(f"{address}/{path}", wait_until="load")
        yield tab, said


@dataclass(frozen=True, slots=True)
class Screen:
    """One tab for hundreds of pages: a new one for each, with nothing in its cache, took half of the time."""

    tab: Page
    address: str
    said: list[str]

    def show(self, path: str, *, width: int) -> None:
        self.tab.goto("about:blank")
        self.said.clear()
        self.tab.set_viewport_size({"width": width, "height": 900})
        self.tab.emulate_media(color_scheme="light")
        self.tab.goto(f"{self.address}/{path}", wait_until="load")

    def is_wider_than(self, width: int) -> bool:
        return bool(self.tab.evaluate("() => document.documentElement.scrollWidth") > width)


@pytest.fixture(scope="module")
def screen(browser: Browser, address: str) -> Iterator[Screen]:
    with browser.new_context() as context:
        found = Screen(context.new_page(), address, [])
        found.tab.on("console", lambda message: found.said.append(message.text))
        found.tab.on("requestfailed", lambda request: found.said.append(f"failed: {request.url}"))
        yield found


WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# What goes by the theme or by the width; everything else is the same for both.
BY_LOOK = ("color-contrast", "target-size")


def violations(
    tab: Page, part: str | None = None, *, rules: Sequence[str] = ()
) -> list[tuple[str, list[str]]]:
    if not tab.evaluate("() => 'axe' in window"):
        tab.evaluate(AXE.axe_script)
    options = {
        "runOnly": {"type": "rule", "values": rules} if rules else WCAG,
        "resultTypes": ["violations"],
    }
    answer = tab.evaluate("([part, options]) => axe.run(part ?? document, options)", [part, options])
    assert answer["passes"], "axe looked at nothing"
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in answer["violations"]]


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_is_accessible_and_fits_at_every_width_and_theme(screen: Screen, name: str) -> None:
    screen.show(f"ru/{name}", width=320)
    screen.tab.add_script_tag(url="/axe.js")
    assert not screen.is_wider_than(320)
    assert violations(screen.tab, rules=BY_LOOK) == []
    # Colours go by the theme and places by the width, so each theme at one width sees all of both.
    screen.tab.set_viewport_size({"width": 1280, "height": 900})
    screen.tab.emulate_media(color_scheme="dark")
    assert not screen.is_wider_than(1280)
    assert violations(screen.tab) == []
    assert screen.said == []


@pytest.mark.parametrize("name", ["report", "reports", "services", "notifications", *STAFF_SAMPLES])
def test_english_words_fit_a_narrow_screen_too(screen: Screen, name: str) -> None:
    screen.show(f"en/{name}", width=320)
    assert not screen.is_wider_than(320)
    assert screen.said == []


def test_the_menu_of_a_narrow_screen_opens_without_script(browser: Browser, address: str) -> None:
    with opened(browser, address, "ru/reports") as (tab, _):
        link = tab.locator("#menu nav a").first
        assert not link.is_visible()
        tab.locator(".menu-button").click()
        assert link.is_visible()
        assert violations(tab, "#menu") == []


def test_the_printed_report_is_a_sheet_without_the_frame(browser: Browser, address: str) -> None:
    with opened(browser, address, "ru/report") as (tab, _):
        tab.emulate_media(media="print", color_scheme="dark")
        assert not tab.locator("header.site").is_visible()
        assert tab.get_by_text("Образцова Мария Ильинична, 04.11.1977").is_visible()
        assert tab.locator(".running").is_visible() and not tab.locator("#actions").is_visible()
        assert tab.evaluate("() => getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert len(re.findall(rb"/Type /Page\b", tab.pdf(prefer_css_page_size=True))) in {1, 2}


def test_the_button_prints_and_without_script_the_words_say_how(browser: Browser, address: str) -> None:
    with opened(browser, address, "ru/report") as (tab, said):
        tab.evaluate("() => { window.print = () => console.log('printed') }")
        assert not tab.locator("#print-hint").is_visible()
        with tab.expect_console_message():
            tab.get_by_role("button", name="Печать").click()
        assert said == ["printed"]
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(f"{address}/ru/report")
        assert plain.locator("#print-hint").is_visible() and not plain.locator("#print").is_visible()
