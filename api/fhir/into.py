"""Into: an element that says the same as a class of the domain is read into that class, without a model between."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Into:
    """Marks a dataclass, mostly of the domain, that is made from what `model` describes. Their fields have the same
    names; the model's own aliases, types and defaults hold, and whether it takes elements that it does not name."""

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
        # What the element has no word for stays as the domain has it by default.
        fields += [
            core_schema.dataclass_field(
                rest.name,
                core_schema.with_default_schema(core_schema.any_schema(), default=rest.default),
                init=False,
            )
            for rest in dataclasses.fields(source)
            if rest.name not in self.model.model_fields
        ]
        arguments = core_schema.dataclass_args_schema(source.__name__, fields)
        return core_schema.dataclass_schema(
            source,
            arguments,
            [field["name"] for field in fields],
            slots=True,
            config=core_schema.CoreConfig(
                extra_fields_behavior=self.model.model_config.get("extra") or "ignore"
            ),
        )


@dataclass(frozen=True, slots=True)
class NotCopied:
    """Marks an object of JSON that nobody changes, or null. Pydantic would make another dict of it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.nullable_schema(core_schema.is_instance_schema(dict))


def _type_of(field: FieldInfo) -> Any:
    """As it was annotated: Pydantic keeps apart what it found in an Annotated."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
