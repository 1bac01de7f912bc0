"""Who may do what with a view: grants and row policies, taken over from the live one when it is made anew."""

from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

_GRANTS = """
SELECT NULL, privilege_type, grantee::regrole::text
FROM pg_namespace, aclexplode(nspacl) WHERE nspname = %(live)s AND grantee <> nspowner
UNION ALL
SELECT relname, privilege_type, grantee::regrole::text
FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace, aclexplode(relacl)
WHERE nspname = %(live)s AND grantee <> relowner
"""
# Expressions are printed with the names that the search path makes short, so that they mean the tables of
# the new schema when it is on the path.
_POLICIES = """
SELECT relname, polname, polcmd, (SELECT array_agg(one::regrole::text) FROM unnest(polroles) AS one),
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
FROM pg_policy JOIN pg_class AS c ON c.oid = polrelid JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname = %s
"""
_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def copy_rights(connection: psycopg.Connection[Any], live: str, new: str) -> None:
    """Give the tables of `new` the grants and the row policies that those of `live` have."""
    with connection.transaction():
        for table, privilege, role in connection.execute(_GRANTS, {"live": live}).fetchall():
            on = SQL("SCHEMA {}").format(Identifier(new)) if table is None else Identifier(new, table)
            connection.execute(SQL("GRANT {} ON {} TO {}").format(SQL(privilege), on, SQL(role)))
        _path(connection, live)
        policies = connection.execute(_POLICIES, (live,)).fetchall()
        _path(connection, new)
        for table, name, command, roles, using, check in policies:
            target = Identifier(new, table)
            connection.execute(SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(target))
            policy = SQL("CREATE POLICY {} ON {} FOR {} TO {}").format(
                Identifier(name), target, SQL(_COMMANDS[command]), SQL(", ").join(map(SQL, roles))
            )
            policy += SQL(" USING ({})").format(SQL(using)) if using else SQL("")
            policy += SQL(" WITH CHECK ({})").format(SQL(check)) if check else SQL("")
            connection.execute(policy)


def _path(connection: psycopg.Connection[Any], schema: str) -> None:
    connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(schema)))
