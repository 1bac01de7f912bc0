"""Delivery status notifications in the forms of the servers that write them (RFC 3464, RFC 6522); our own words."""

HEAD = "From: Mail system <mailer-daemon@mx.example>\nTo: <{to}>\nSubject: {subject}\nAuto-Submitted: auto-replied\n"
LETTER = "From: no-reply@letopis.example\nTo: anna@example.test\nSubject: =?utf-8?B?0L8=?=\n"


def dsn(
    fields: str, *, subject: str = "Undelivered", kind: str = "message/delivery-status", of: str = ""
) -> bytes:
    """A report whose machine-readable part has these fields; `of` are those about the message."""
    text = (
        HEAD.format(to="bounces@letopis.example", subject=subject)
        + "MIME-Version: 1.0\n"
        + 'Content-Type: multipart/report; report-type=delivery-status; boundary="b0"\n\n'
        + "This part nobody but a person reads.\n"
        + "--b0\nContent-Type: text/plain; charset=us-ascii\n\nYour message was not delivered: 550 5.7.1 it says.\n\n"
        + f"--b0\nContent-Type: {kind}\n\n{of or 'Reporting-MTA: dns; mx.example'}\n\n{fields}\n"
        + f"--b0\nContent-Type: text/rfc822-headers\n\n{LETTER}\n--b0--\n"
    )
    return text.replace("\n", "\r\n").encode()


POSTFIX = dsn(
    "Final-Recipient: rfc822; anna@example.test\n"
    "Original-Recipient: rfc822;anna@example.test\n"
    "Action: failed\n"
    "Status: 5.1.1\n"
    "Remote-MTA: dns; mx.example.test\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <anna@example.test>: Recipient address\n"
    "    rejected: no such user here\n",
    of="Reporting-MTA: dns; relay.letopis.example\nX-Postfix-Queue-ID: 4F1\nX-Postfix-Sender: rfc822; bounces@x\n"
    "Arrival-Date: Fri, 20 Nov 2026 12:00:00 +0000 (UTC)",
)
# Exim knows no status of its own, and writes what it was told.
EXIM = dsn(
    "Action: failed\n"
    "Final-Recipient: rfc822;anna@example.test\n"
    "Status: 5.0.0\n"
    "Remote-MTA: dns; mx.example.test\n"
    "Diagnostic-Code: smtp; 550-5.1.1 there is no such account\n",
    subject="Mail delivery failed: returning message to sender",
)
EXIM_PLAIN = dsn(
    "Action: failed\nFinal-Recipient: rfc822;anna@example.test\nStatus: 5.0.0\n"
    "Diagnostic-Code: smtp; 550 no such user\n"
)
EXCHANGE = dsn(
    "Final-Recipient: rfc822;anna@example.test\n"
    "Action: failed\n"
    "Status: 5.1.10\n"
    "Remote-MTA: dns;mail.example.test\n"
    "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup\n"
    "X-Display-Name: anna\n",
    of="Reporting-MTA: dns;mail.example.test\nReceived-From-MTA: dns;relay.letopis.example",
)
OPENSMTPD = dsn(
    "Final-Recipient: rfc822; anna@example.test\nAction: failed\nStatus: 5.0.0 (permanent)\n",
    of="Reporting-MTA: dns; mx.example",
)
# After days of trying; the status is of the last try, and it is final all the same.
TIMED_OUT = dsn("Final-Recipient: rfc822; anna@example.test\nAction: failed\nStatus: 4.4.7\n")
FULL = dsn(
    "Final-Recipient: rfc822; anna@example.test\nACTION: Failed\nstatus: 5.2.2 (mailbox full)\n"
    "Diagnostic-Code: X-Local; over quota\n"
)
BEYOND_ASCII = dsn(
    "Final-Recipient: utf-8; \\x{430}@example.test\nAction: failed\nStatus: 5.1.3\n",
    kind="message/global-delivery-status",
)
FAILED = {
    "postfix": (POSTFIX, "5.1.1"),
    "exim": (EXIM, "5.1.1"),
    "exim-plain": (EXIM_PLAIN, "550"),
    "exchange": (EXCHANGE, "5.1.10"),
    "opensmtpd": (OPENSMTPD, "5.0.0"),
    "timed-out": (TIMED_OUT, "4.4.7"),
    "full": (FULL, "5.2.2"),
    "beyond-ascii": (BEYOND_ASCII, "5.1.3"),
    "no-status": (dsn("Final-Recipient: rfc822; anna@example.test\nAction: failed\n"), "5.0.0"),
    "status-of-success": (dsn("Action: failed\nStatus: 2.0.0\n"), "5.0.0"),
}

DELIVERED = dsn(
    "Final-Recipient: rfc822; anna@example.test\nAction: delivered\nStatus: 2.1.5\n", subject="Delivered"
)
FORWARDED = dsn(
    "Final-Recipient: rfc822; old@example.test\nAction: failed\nStatus: 5.1.1\n\n"
    "Final-Recipient: rfc822; new@example.test\nAction: delivered\nStatus: 2.0.0\n"
)
ARRIVED = {"delivered": DELIVERED, "forwarded": FORWARDED}

_WORDS = HEAD.format(to="bounces@letopis.example", subject="Undelivered") + "\n550 5.1.1 no such user\n"
NOTHING_FINAL = {
    "delayed": dsn(
        "Final-Recipient: rfc822; anna@example.test\nAction: delayed\nStatus: 4.4.1\n", subject="Delayed"
    ),
    "relayed": dsn("Final-Recipient: rfc822; anna@example.test\nAction: relayed\nStatus: 2.0.0\n"),
    "words-only": _WORDS.encode(),
    "empty": b"",
    "no-message": b"\xff\x00\r\n\r\n\xfe" * 50,
    "read-receipt": dsn(
        "Disposition: automatic-action/MDN-sent; displayed\n", kind="message/disposition-notification"
    ),
    # The machine-readable part must be of the report, not of a letter that somebody forwards.
    "report-within": b"Content-Type: message/rfc822\r\n\r\n" + POSTFIX,
    "report-attached": POSTFIX.replace(b"multipart/report", b"multipart/mixed"),
    "torn": POSTFIX[: POSTFIX.index(b"Action")],
}
