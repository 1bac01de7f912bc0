"""What the failure of a request by HTTP is worth: whether the other side can have taken what was in it.

Unlike the dot of SMTP, HTTP has no point before which it cannot, once the request is on its way.
"""

from typing import Final

import httpx2

# So only these are certain: no connection, or a request that did not get out whole, or at all, because a setting
# makes no address or no header.
NOT_SENT: Final = (
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.WriteError,
    httpx2.WriteTimeout,
)
# A proxy of theirs waited in our place and gave up: the same as our own time-out.
GATEWAY_TIMEOUT: Final = 504
