"""The refusal of content that is no FHIR R4 with a report in it."""

from api.content import ContentError


class ContentNotFhirError(ContentError):
    """The content is not a FHIR R4 resource with a report in it; `field` is a FHIRPath."""

    def __init__(self, *, field: str, code: str = "content-not-fhir") -> None:
        super().__init__(code, field)

    def __str__(self) -> str:
        return f"{self.code}: {self.field}"
