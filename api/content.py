"""What may be wrong with the content of a submission, whatever its format."""


class ContentError(Exception):
    """A submission cannot be read. `field` says where; what was sent there is never repeated."""

    def __init__(self, code: str, field: str | None) -> None:
        super().__init__(code, field)
        self.code = code
        self.field = field
