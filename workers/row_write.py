"""The transaction around the write of one row, and around nothing of the project."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections, models, transaction


@contextmanager
def atomic_from_write(
    using: str, model: type[models.Model], before: Callable[[bool], None] | None = None
) -> Iterator[None]:
    """Begin a transaction at the statement that writes a row of `model`; end it with the block.

    What the block does before this statement is the project's: fields run their `pre_save`, and a
    storage takes a file, which may be slow. There it must neither hold a lock nor be in a
    transaction. Inside `atomic()` the block adds nothing, not even a savepoint: a write that fails
    has the same effect as without us.

    Args:
        before: Called in the transaction right before the statement, with whether it is an UPDATE.
    """
    connection = connections[using]
    table = connection.ops.quote_name(model._meta.db_table)
    with ExitStack() as write:

        def begin(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            # Only a statement that names the table: `BEGIN` and `SAVEPOINT` come here, too.
            verb = str(sql).lstrip()[:6]
            if table not in str(sql) or verb == "SELECT":
                return execute(sql, params, many, context)
            write.close()
            write.enter_context(transaction.atomic(using=using, savepoint=False))
            if before:
                before(verb == "UPDATE")
            result = execute(sql, params, many, context)
            cursor = context["cursor"]
            if cursor.description is None and cursor.rowcount == 0:
                # An UPDATE that found no row. Django asks the fields again, for an INSERT.
                write.close()
            return result

        with connection.execute_wrapper(begin):
            yield
