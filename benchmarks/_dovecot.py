"""Dovecot with one empty mailbox, which goes when it ends."""

from __future__ import annotations

import getpass
import grp
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._tools import await_port, tool
from marketflow.embedded.config import free_port
from marketflow.embedded.osuser import hand_over, identity
from marketflow.shared import ConfigurationError

USER, PASSWORD = "bounces", "of-a-benchmark"
_PACKAGE = "dovecot-imapd"
_SETTINGS = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = mdbox:{root}/mail
mail_fsync = never
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@contextmanager
def mail_server() -> Iterator[int]:
    """A running Dovecot 2.3; its port. Raises ConfigurationError where there is none, or one with other settings."""
    dovecot = tool("dovecot", _PACKAGE)
    version = subprocess.run([dovecot, "--version"], check=True, capture_output=True, text=True).stdout
    if not version.startswith("2.3."):
        raise ConfigurationError(f"this benchmark has the settings of Dovecot 2.3; here is {version.split()[0]}")
    with tempfile.TemporaryDirectory(prefix="marketflow-dovecot-") as folder:
        root, port = Path(folder), free_port()
        hand_over(root)
        (root / "settings").write_text(_settings(root, port), encoding="utf-8")
        process = subprocess.Popen([dovecot, "-F", "-c", str(root / "settings")], cwd="/", **identity())
        try:
            await_port(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _settings(root: Path, port: int) -> str:
    who = pwd.getpwnam(identity().get("user") or getpass.getuser())
    return _SETTINGS.format(
        root=root, port=port, user=who.pw_name, group=grp.getgrgid(who.pw_gid).gr_name,
        uid=who.pw_uid, gid=who.pw_gid, password=PASSWORD,
    )  # fmt: skip
