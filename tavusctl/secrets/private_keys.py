"""Where private keys of several lines begin and end, in the formats of TLS, SSH, PGP, PuTTY, OpenVPN and minisign.

These are texts of regular expressions, because they are searched for in texts and in the bytes of files.
"""

from __future__ import annotations

from typing import Final

# RFC 7468 and RFC 9580 (PGP), RFC 4716 with a space for SSH2, PuTTY (appendix C of its manual), OpenVPN, minisign.
BEGIN: Final = (
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|-----BEGIN OpenVPN Static key V[0-9]-----"
    r"|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----|PuTTY-User-Key-File-[0-9]: [a-z0-9-]{1,40}"
    r"|untrusted comment: [^\n]{0,80}?secret key"
)
END: Final = r"-----END |---- END |Private-(?:MAC|Hash): "
MARKERS: Final = ("PRIVATE KEY", "OpenVPN Static key", "PuTTY-User-Key-File-", "untrusted comment: ")
# What follows the beginning of a real key: headers of the format, and 24 characters of base 64 or hex.
_BREAK: Final = r"(?:\s|\\[nr])"
BODY: Final = rf"{_BREAK}*+(?:[\w-]++:(?:[^\n\\]|\\(?![nr]))*+{_BREAK}++)*+[A-Za-z0-9+/=]{{24}}"
