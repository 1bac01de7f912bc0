"""A form with a file: as any other form, but read no further than the limit."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from api.portal.web import Visit, guarded, require_same_site, visit
from api.problems import ProblemError
from api.scans import SCAN_BYTES_MAX
from api.text_direction import straight

# What stands around the file: its name, and the other fields.
_AROUND_BYTES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Upload:
    """Who sends it, the fields of the form, and the file's bytes: nothing if there was no file."""

    person: Visit
    form: dict[str, str]
    content: bytes


async def uploaded(request: Request, person: Annotated[Visit, Depends(visit)]) -> Upload:
    """The file of a signed-in person's form. Its name is not kept: people write their own into it."""
    require_same_site(request, request.app.state.door.settings)
    person.signed_in()
    length = request.headers.get("content-length", "")
    # The server reads no more than was announced.
    if not length.isdecimal() or int(length) > SCAN_BYTES_MAX + _AROUND_BYTES_MAX:
        raise ProblemError("scan-too-large", "scan")
    async with request.form(max_files=1, max_fields=20) as form:
        fields = straight({name: value for name, value in form.items() if isinstance(value, str)})
        guarded(person, fields)
        file = form.get("scan")
        content = await file.read() if isinstance(file, UploadFile) else b""
    return Upload(person, fields, content)


Uploaded = Annotated[Upload, Depends(uploaded)]
