"""The names and shapes that clients were promised."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_required_argument,
    is_required_input_field,
)
from graphql_api.api import SCHEMA
from graphql_api.schema import source

CONTRACT: GraphQLSchema = build_schema(Path(__file__).with_name("contract.graphql").read_text())
NAMES = sorted(name for name in CONTRACT.type_map if not name.startswith("__"))


@pytest.mark.parametrize("name", NAMES)
def test_a_promised_type_is_there_with_its_names_and_shapes(name: str) -> None:
    """Every field, argument and enum value of the contract exists with the very type; what we add is optional."""
    promised, ours = CONTRACT.type_map[name], SCHEMA.type_map[name]
    assert type(promised) is type(ours)
    if isinstance(promised, GraphQLEnumType) and isinstance(ours, GraphQLEnumType):
        assert set(promised.values) <= set(ours.values)
    if isinstance(promised, GraphQLInputObjectType) and isinstance(ours, GraphQLInputObjectType):
        for field, value in promised.fields.items():
            assert str(ours.fields[field].type) == str(value.type)
        for field in set(ours.fields) - set(promised.fields):
            assert not is_required_input_field(ours.fields[field])
    if isinstance(promised, (GraphQLObjectType, GraphQLInterfaceType)):
        assert isinstance(ours, (GraphQLObjectType, GraphQLInterfaceType))
        assert {interface.name for interface in promised.interfaces} <= {
            interface.name for interface in ours.interfaces
        }
        for field, definition in promised.fields.items():
            mine = ours.fields[field]
            assert str(mine.type) == str(definition.type)
            for argument, wanted in definition.args.items():
                assert str(mine.args[argument].type) == str(wanted.type)
            for argument in set(mine.args) - set(definition.args):
                assert not is_required_argument(mine.args[argument])


def test_the_sdl_is_sound() -> None:
    """What a cold start assumes, so as to be quick, is so: the SDL passes every rule."""
    assert build_schema(source()).query_type is not None
