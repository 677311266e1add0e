"""Statements that the ORM compiles once and the hot path executes many times.

Compiling a queryset takes Django about three times as long as the database needs to answer it. A
prepared statement is written as a queryset over `arg` placeholders, so it follows the models like
any other; its SQL is kept per process and only bound anew::

    _ACCEPT = Update(
        lambda: Job.objects.filter(pk=arg("job_id"), claim_token=arg("token")),
        state=Job.State.ACCEPTED,
        updated_at=arg("now"),
    )
    mine = _ACCEPT.run(job_id=..., token=..., now=...) == 1

Values are bound as they are (datetimes are adapted); a JSON column wants its text.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from django.db import connection
from django.db.models import Field, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.query import get_related_populators
from django.db.models.sql import Query, UpdateQuery

if TYPE_CHECKING:
    from django.db.models.sql.compiler import SQLCompiler

Compiled = tuple[str, tuple[Any, ...]]
M = TypeVar("M", bound=Model)

ROWS_PER_INSERT = 500
"""Databases take some ten thousand values in one statement."""


class _Name(str):
    """Stands for a value in the parameters of a compiled statement."""


def arg(name: str) -> RawSQL:
    """A placeholder that takes the keyword ``name`` of `run`."""
    return RawSQL("%s", [_Name(name)])


class _Statement(ABC):
    def __init__(self) -> None:
        self._compiled: Compiled | None = None

    @abstractmethod
    def _compile(self) -> Compiled: ...

    def _bound(self, values: dict[str, Any]) -> tuple[str, list[Any]]:
        if self._compiled is None:
            self._compiled = self._compile()
        sql, parameters = self._compiled
        return sql, [
            adapted(values[each]) if isinstance(each, _Name) else each for each in parameters
        ]


class Update(_Statement):
    """``queryset().update(**columns)``; `run` returns how many rows changed."""

    def __init__(self, queryset: Callable[[], QuerySet[Any]], **columns: Any) -> None:
        super().__init__()
        self._queryset = queryset
        self._columns = columns

    def _compile(self) -> Compiled:
        query = cast("UpdateQuery", self._queryset().query.chain(UpdateQuery))
        query.add_update_values(self._columns)
        return _sql_of(query)

    def run(self, **values: Any) -> int:
        sql, parameters = self._bound(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)


class Select(_Statement, Generic[M]):
    """A queryset of whole model instances, with its ``select_related``."""

    def __init__(self, queryset: Callable[[], QuerySet[M]]) -> None:
        super().__init__()
        self._queryset = queryset
        self._compiler: SQLCompiler | None = None

    def _compile(self) -> Compiled:
        compiler = self._queryset().query.get_compiler(connection=connection)
        compiled: Compiled = compiler.as_sql()
        # Set last: whoever sees the statement compiled finds the reader of its rows too.
        self._compiler = compiler
        return compiled

    def run(self, **values: Any) -> list[M]:
        sql, parameters = self._bound(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows = cursor.fetchall()
        return list(self._instances(rows)) if rows else []

    def first(self, **values: Any) -> M | None:
        return next(iter(self.run(**values)), None)

    def _instances(self, rows: list[Sequence[Any]]) -> Iterator[M]:
        compiler = self._compiler
        if compiler is None or compiler.klass_info is None:
            raise TypeError("a Select reads whole model instances")
        klass_info, using = compiler.klass_info, connection.alias
        fields = klass_info["select_fields"]
        first, last = fields[0], fields[-1] + 1
        names = [compiler.select[index][0].target.attname for index in fields]
        related = get_related_populators(klass_info, compiler.select, using)  # type: ignore[call-arg]
        for row in compiler.results_iter([rows]):
            instance = klass_info["model"].from_db(using, names, row[first:last])
            for populator in related:
                populator.populate(row, instance)
            yield instance


class Exists(_Statement):
    """Whether the queryset has a row."""

    def __init__(self, queryset: Callable[[], QuerySet[Any]]) -> None:
        super().__init__()
        self._queryset = queryset

    def _compile(self) -> Compiled:
        return _sql_of(self._queryset().query.exists())

    def run(self, **values: Any) -> bool:
        sql, parameters = self._bound(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchone() is not None


def _sql_of(query: Query) -> Compiled:
    compiled: Compiled = query.get_compiler(connection=connection).as_sql()
    return compiled


# --- rows ----------------------------------------------------------------------------------------


class _Table:
    """The insert statement of a model and how its columns are read off an instance."""

    def __init__(self, model: type[Model]) -> None:
        # A key that the database makes up is not written.
        self.fields: list[Field[Any, Any]] = [
            field for field in model._meta.concrete_fields if not _is_generated(field)
        ]
        quote = connection.ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in self.fields)
        # Names of our own tables and columns, quoted.
        self.head = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608
        self.row = f"({', '.join(['%s'] * len(self.fields))})"

    def values(self, instance: Model) -> Iterator[Any]:
        for field in self.fields:
            value = field.pre_save(instance, add=True)
            yield field.get_db_prep_save(value, connection)


def _is_generated(field: "Field[Any, Any]") -> bool:
    return bool(field.primary_key and field.db_returning)


_tables: dict[type[Model], _Table] = {}


def insert(*instances: Model) -> None:
    """Inserts instances of one model. Keys that the database makes up are not read back."""
    model = type(instances[0])
    table = _tables.get(model) or _tables.setdefault(model, _Table(model))
    with connection.cursor() as cursor:
        for at in range(0, len(instances), ROWS_PER_INSERT):
            rows = instances[at : at + ROWS_PER_INSERT]
            parameters = [value for instance in rows for value in table.values(instance)]
            cursor.execute(table.head + ", ".join([table.row] * len(rows)), parameters)
    _mark_saved(instances)


def _mark_saved(instances: Iterable[Model]) -> None:
    for instance in instances:
        instance._state.adding = False
        instance._state.db = connection.alias


def columns(model: type[Model], values: dict[str, Any]) -> dict[str, Any]:
    """Values by field name in the form in which they are stored: JSON as text, and so on."""
    return {
        name: model._meta.get_field(name).get_db_prep_save(value, connection)  # type: ignore[union-attr]
        for name, value in values.items()
    }


def volatile() -> None:
    """Lets the current transaction commit without waiting for the disk (PostgreSQL).

    For writes whose loss in a crash of the database costs nothing, because the state before them is
    recovered from anyway. They are never lost when only this process dies.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")


def adapted(value: Any) -> Any:
    """A value in the form in which the database driver takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
