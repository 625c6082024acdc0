"""Bounces and complaints in the forms in which servers write them, about a message of ours; written by hand for tests.

`$VERP` is the message's own envelope sender, `$RCPT` whom it was sent to, `$ID` its Message-ID, `$LINK` its link.
"""

from __future__ import annotations

from string import Template

BOUNCES = "bounces@example.com"
RETURNED = """\
Return-Path: <$VERP>
Received: from shop.example.com (shop.example.com [192.0.2.7]) by mx.example.net; Sun, 22 Nov 2026 08:00:00 +0000
From: Test Shop <shop@example.com>
To: Ada <$RCPT>
Subject: Thank you
Date: Sun, 22 Nov 2026 08:00:00 +0000
Message-ID: <$ID>
List-Id: <thank_you.example.com>
List-Unsubscribe: <$LINK>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
"""
DIAGNOSIS = "smtp; 550 5.1.1 <$RCPT>: Recipient address rejected: User unknown in local recipient table"


def dsn(
    status: str = "5.1.1", diagnosis: str = DIAGNOSIS, action: str = "failed", *, head: str = "", before: str = "",
    more: str = "", words: str = "I am sorry to have to inform you that your message could not be delivered.",
    sender: str = "MAILER-DAEMON@mx.example.net (Mail Delivery System)", to: str = "$VERP", returned: str = RETURNED,
    kind: str = "message/rfc822",
) -> str:  # fmt: skip
    """A report as RFC 3464 has it; vendors differ in the details."""
    return f"""\
Return-Path: <>
Delivered-To: {to}
From: {sender}
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Sun, 22 Nov 2026 08:30:00 +0000
Message-Id: <20261122083000.4F1D2@mx.example.net>
Auto-Submitted: auto-replied
{head}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F1D2.1795336200/mx.example.net"

This is a MIME-encapsulated message.

--4F1D2.1795336200/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

{words}

--4F1D2.1795336200/mx.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Sun, 22 Nov 2026 08:00:00 +0000
{before}
Final-Recipient: rfc822; $RCPT
Action: {action}
Status: {status}
Remote-MTA: dns; mail.example.org
Diagnostic-Code: {diagnosis}
{more}
--4F1D2.1795336200/mx.example.net
Content-Type: {kind}

{returned}
Hello
--4F1D2.1795336200/mx.example.net--
"""


def plain(
    words: str, *, sender: str = "MAILER-DAEMON@mail.example.net", head: str = "", kind: str = "text/plain"
) -> str:
    """A bounce without a report in it."""
    return f"""\
Return-Path: <>
Delivered-To: $VERP
From: {sender}
To: $VERP
Subject: failure notice
Date: Sun, 22 Nov 2026 08:30:00 +0000
{head}Content-Type: {kind}; charset=utf-8

{words}
"""


def arf(kind: str = "abuse", *, fields: str = "", returned: str = RETURNED, to: str = "fbl@example.com") -> str:
    """A complaint as RFC 5965 has it."""
    return f"""\
From: <abusedesk@mail.example>
Date: Sun, 22 Nov 2026 08:45:00 +0000
Subject: FW: Thank you
To: <{to}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.7.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{fields}
--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{returned}
Hello
--part1_13d.2e68ed54_boundary--
"""


def at_length(text: str) -> str:
    """A returned message whose lines are folded, as some servers do."""
    return text.replace("List-Unsubscribe: <", "List-Unsubscribe:\n <")


QMAIL = """\
Hi. This is the qmail-send program at mail.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<$RCPT>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

""" + RETURNED + "\nYour order 4.5.6 arrives; code 450 saves money."  # fmt: skip
QQ = (
    "<html><body><p>抱歉, 您的邮件被退回来了……</p><p>无法发送到 $RCPT</p><p>退信原因: 收件人邮件地址 ($RCPT) 不存在, 邮件无法送达。"
    "</p><p>host mx3.qq.com said: 550 The recipient may contain a non-existent account, please check the recipient address. </p>"
    "<p>原邮件信息</p></body></html>"
)
EXCHANGE = "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient $RCPT not found by SMTP address lookup"
# name: (the mail, what it is, of which kind, the code that is kept)
MAILS: dict[str, tuple[str, str, str | None]] = {
    "postfix": (dsn(before="X-Postfix-Queue-ID: 4F1D2\nX-Postfix-Sender: rfc822; $VERP\n"), "bounce_hard", "5.1.1"),
    "postfix, mailbox full": (dsn("5.2.2", "smtp; 552 5.2.2 <$RCPT>: user is over quota"), "bounce_soft", "5.2.2"),
    "postfix, gave up after five days": (dsn("4.4.1", "X-Postfix; connect to mail.example.org[192.0.2.1]:25: Connection timed out"), "bounce_soft", "4.4.1"),
    "postfix, host not found": (dsn("5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=example.org"), "bounce_soft", "5.4.4"),
    "postfix, blocked": (dsn("5.7.1", "smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org"), "about_us", None),
    "postfix, delayed": (dsn("4.4.1", "X-Postfix; connection refused", "delayed"), "delayed", None),
    "postfix, delivered": (dsn("2.0.0", "smtp; 250 2.0.0 Ok: queued as 12AB", "delivered"), "delivered", "2.0.0"),
    "postfix, relayed": (dsn("2.0.0", "smtp; 250 ok", "relayed (to a system that sends no reports)"), "delivered", "2.0.0"),
    "outlook 365": (dsn("5.1.10", EXCHANGE, sender="postmaster@example.onmicrosoft.com", head="X-MS-Exchange-Message-Is-Ndr:\n", words="Your message to $RCPT couldn't be delivered.\n\nsomebody wasn't found at example.org."), "bounce_hard", "5.1.10"),
    "outlook 365, access denied": (dsn("5.4.1", "smtp;550 5.4.1 Recipient address rejected: Access denied. AS(201806281)"), "bounce_soft", "5.4.1"),
    "outlook 365, external mail not allowed": (dsn("5.7.133", "smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup"), "about_us", None),
    "gmail": (dsn("5.1.1", "smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550-5.1.1 double-checking the recipient's email address for typos or\n 550 5.1.1 unnecessary spaces.", sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>", head="X-Failed-Recipients: $RCPT\n", words="** Address not found **"), "bounce_hard", "5.1.1"),
    "gmail, inactive": (dsn("5.2.1", "smtp; 550-5.2.1 The email account that you tried to reach is inactive."), "bounce_hard", "5.2.1"),
    "gmail, low reputation": (dsn("5.7.1", "smtp; 550-5.7.1 Our system has detected that this message is likely unsolicited mail."), "about_us", None),
    "gmail, over quota": (dsn("4.2.2", "smtp; 452-4.2.2 The recipient's inbox is out of storage space."), "bounce_soft", "4.2.2"),
    "yahoo": (dsn("5.0.0", "smtp; 554 delivery error: dd This user doesn't have a yahoo.com account ($RCPT) [0]"), "bounce_soft", "554"),
    "yahoo, policy": (dsn("5.0.0", "smtp; 553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.7, because the ip is in Spamhaus's list"), "about_us", None),
    "exim": (dsn("5.0.0", "smtp; 550 5.1.1 <$RCPT>: Recipient address rejected: User unknown", head="X-Failed-Recipients: $RCPT\n"), "bounce_hard", "5.1.1"),
    "exim, no enhanced code": (dsn("5.0.0", "smtp; 550 no such user here"), "bounce_hard", "550"),
    "exim, no code at all": (dsn("5.0.0", "smtp; lost connection"), "bounce_soft", "5.0.0"),
    "exim, no words": (dsn("5.0.0", "smtp; 550 rejected"), "bounce_soft", "550"),
    "exim, content": (dsn("5.0.0", "smtp; 550 Your mail has been classified as spam"), "about_us", None),
    "exim of old, in words": (plain("A message that you sent could not be delivered to one or more of its recipients.\n\n  $RCPT\n    host mail.example.org [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<$RCPT>:\n    550 unknown user\n\n------ This is a copy of your message, including all the headers. ------\n\n" + RETURNED, head="X-Failed-Recipients: $RCPT\nAuto-Submitted: auto-replied\n"), "bounce_hard", "550"),
    "sendmail": (dsn("5.1.1", "SMTP; 550 5.1.1 <$RCPT>... User unknown", kind="text/rfc822-headers"), "bounce_hard", "5.1.1"),
    "qmail": (plain(QMAIL), "bounce_hard", "5.1.1"),
    "qmail, mailbox full": (plain(QMAIL.replace("(#5.1.1)", "(#5.2.2)")), "bounce_soft", "5.2.2"),
    "qq": (plain(QQ, sender="PostMaster@qq.com", kind="text/html"), "bounce_hard", "550"),
    "163": (dsn("5.0.0", "smtp; 550 User not found: $RCPT", sender="Postmaster@163.com", words="抱歉, 您的邮件无法投递。"), "bounce_hard", "550"),
    "163, too often": (dsn("5.0.0", "smtp; 550 Connection frequency limited"), "about_us", None),
    "aliyun, in words": (plain("退信原因: 550 5.1.1 用户不存在 (user not exist)", sender="mailer-daemon@aliyun.com"), "bounce_hard", "5.1.1"),
    "a server that answers in words": (plain("Your message could not be delivered.\n\nThe error that the other server returned was: 550 550 5.1.1 user unknown\n", sender="Mail Delivery Subsystem <noreply@example.org>"), "bounce_hard", "5.1.1"),
    "from nobody, under no daemon's name": (plain("Undeliverable.\n\nmx.example.org said: 550 5.1.1 user unknown\n", sender="Mail Gateway <gateway@example.org>"), "bounce_soft", "5.1.1"),
    "a server that tells whom it failed": (plain("Undeliverable.\n\nResponse: 550 user unknown\n", sender="gateway@example.org", head="X-Failed-Recipients: $RCPT\nAuto-Submitted: auto-generated\n"), "bounce_soft", "550"),
    "notes": (dsn("5.1.1", "X-Notes; User somebody (somebody@example.org) not listed in Domino Directory"), "bounce_hard", "5.1.1"),
    "no diagnosis": (dsn("5.1.1", ""), "bounce_hard", "5.1.1"),
    "a status with words": (dsn("5.1.1 (bad destination mailbox address)", "x"), "bounce_hard", "5.1.1"),
    "no action": (dsn(action="", before=""), "bounce_hard", "5.1.1"),
    "international": (dsn().replace("message/delivery-status", "message/global-delivery-status"), "bounce_hard", "5.1.1"),
    "an alias, of which one got it": (dsn(more="\nFinal-Recipient: rfc822; other@example.org\nAction: delivered\nStatus: 2.0.0\n"), "delivered", None),
    "an alias, of which nobody got it": (dsn(more="\nFinal-Recipient: rfc822; other@example.org\nAction: failed\nStatus: 5.2.2\n"), "bounce_soft", "5.2.2"),
    "forged 5.1.1 of a name": (dsn("5.1.8", "smtp; 550 5.1.8 sender address rejected"), "about_us", None),
    "line ends of all kinds": (dsn().replace("\n", "\r\n"), "bounce_hard", "5.1.1"),
    "folded": (dsn(returned=at_length(RETURNED)), "bounce_hard", "5.1.1"),
    "arf": (arf(fields="Original-Mail-From: <$VERP>\nArrival-Date: Sun, 22 Nov 2026 08:00:00 +0000\n"), "complaint", None),
    "arf of yahoo": (arf(fields="Original-Mail-From: <$VERP>\nOriginal-Rcpt-To: $RCPT\nReported-Domain: example.com\n", to="$VERP"), "complaint", None),
    "arf, opt-out": (arf("opt-out"), "complaint", None),
    "arf, redacted": (arf(returned=RETURNED.replace("$RCPT", "redacted@redacted.invalid")), "complaint", None),
    "arf, not spam": (arf("not-spam"), "no_complaint", None),
    "arf, of authentication": (arf("auth-failure"), "no_complaint", None),
    "outlook, a complaint": (f"From: <staff@hotmail.com>\nTo: fbl@example.com\nSubject: complaint about message from 192.0.2.7\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: $RCPT\n{RETURNED}\nHello\n--b--\n", "complaint", None),
}  # fmt: skip
# what is no report: (the mail, what it is, why)
OTHERS: dict[str, tuple[str, str, str]] = {
    "absent": ("From: Ada <$RCPT>\nTo: $VERP\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nI am away. Error 550 5.1.1 in my soul.\n", "nothing", "automatic"),
    "absent, as outlook says it": ("From: Ada <$RCPT>\nTo: $VERP\nX-Auto-Response-Suppress: All\nSubject: Automatic reply\n\nAway.\n", "nothing", "automatic"),
    "absent, with an empty sender": ("Return-Path: <>\nFrom: Ada <$RCPT>\nTo: $VERP\nAuto-Submitted: auto-replied\n\n550 5.1.1 is my room.\n", "nothing", "automatic"),
    "absent, to a person": ("From: Ada <$RCPT>\nTo: shop@example.com\nAuto-Submitted: auto-replied\n\nAway.\n", "other", "automatic"),
    "a person's answer": ("From: Ada <$RCPT>\nTo: shop@example.com\nSubject: Re: Thank you\n\nIs 550 5.1.1 my number?\n", "other", "other_mail"),
    "a person's answer to the bounce address": ("From: Ada <$RCPT>\nTo: $VERP\nSubject: Re: Thank you\n\nHello\n", "unclear", "no_report"),
    "a postmaster who writes herself": ("From: postmaster@example.org\nTo: shop@example.com\n\nPlease mind 550 5.1.1.\n", "other", "other_mail"),
    "read receipt": ("From: $RCPT\nTo: shop@example.com\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\nContent-Type: message/disposition-notification\n\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--\n", "other", "other_report"),
    "a report without a status": ("From: MAILER-DAEMON@x\nTo: $VERP\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry\n--b--\n", "unclear", "no_status"),
    "a code in the copy of the message only": (plain(QMAIL.replace("(#5.1.1)", "").replace("4.5.6", "550 5.1.1")), "unclear", "no_report"),
    "empty": ("", "other", "other_mail"),
}  # fmt: skip


def fill_in(text: str, *, verp: str, recipient: str, message_id: str, link: str) -> bytes:
    """The mail about one message of ours."""
    return Template(text).safe_substitute(VERP=verp, RCPT=recipient, ID=message_id, LINK=link).encode()
