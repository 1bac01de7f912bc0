"""Masks: a contact as its owner knows it again, and nobody else learns it from the screen."""


def masked_email(address: str) -> str:
    """The first letter and the host: p•••@mail.example."""
    local, _, host = address.partition("@")
    return f"{local[:1]}•••@{host}"


def masked_phone(phone: str) -> str:
    """The last four digits: +7 ••• •••-45-67."""
    return f"+7 ••• •••-{phone[-4:-2]}-{phone[-2:]}"
