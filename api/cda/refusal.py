"""The refusal of content that is no CDA with a laboratory report in it."""

from api.content import ContentError


class ContentNotCdaError(ContentError):
    """The content is not a CDA document, or has no report; `field` is a path of element names."""

    def __init__(self, *, field: str, code: str = "content-not-cda") -> None:
        super().__init__(code, field)

    def __str__(self) -> str:
        return f"{self.code}: {self.field}"
