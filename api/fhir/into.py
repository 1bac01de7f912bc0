"""Into: an element that says the same as a class of the domain is read into that class, without a model between."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Into:
    """Marks a dataclass of the domain that is made from what `model` describes. Their fields have the same names; the
    model's own aliases, types and defaults hold."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = [
            core_schema.dataclass_field(
                name,
                core_schema.with_default_schema(
                    handler.generate_schema(_type_of(field)), default=field.default
                ),
                kw_only=True,
                validation_alias=field.alias,
            )
            for name, field in self.model.model_fields.items()
        ]
        arguments = core_schema.dataclass_args_schema(source.__name__, fields)
        return core_schema.dataclass_schema(
            source,
            arguments,
            list(self.model.model_fields),
            slots=True,
            config=core_schema.CoreConfig(extra_fields_behavior="ignore"),
        )


def _type_of(field: FieldInfo) -> Any:
    """As it was annotated: Pydantic keeps apart what it found in an Annotated."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
