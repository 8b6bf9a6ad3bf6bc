"""Everything that PostgreSQL knows about the schema `recollect`, as lines that can be compared."""

from __future__ import annotations

import asyncio

import asyncpg

from recollect.db.target import parse_url

# One line a fact: what it is about, and what it says. A null ACL means the default one.
_FACTS = """
WITH ours AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname = 'recollect'),
relation AS (SELECT c.* FROM pg_class AS c JOIN ours ON c.relnamespace = ours.oid),
routine AS (SELECT p.* FROM pg_proc AS p JOIN ours ON p.pronamespace = ours.oid),
acl (what, entries) AS (
    SELECT 'schema', coalesce(nspacl, acldefault('n', nspowner)) FROM ours
    UNION ALL
    SELECT 'table ' || relname, coalesce(relacl, acldefault('r', relowner))
    FROM relation WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT format('column %s.%s', relname, attname), attacl
    FROM relation JOIN pg_attribute ON attrelid = relation.oid WHERE attacl IS NOT NULL
    UNION ALL
    SELECT 'function ' || proname, coalesce(proacl, acldefault('f', proowner)) FROM routine
)
SELECT 'owner of schema' AS what, pg_get_userbyid(nspowner)::text AS says FROM ours
UNION ALL
SELECT 'contents of schema', format('%s %s', classid::regclass, count(*))
FROM pg_depend JOIN ours ON refclassid = 'pg_namespace'::regclass AND refobjid = ours.oid GROUP BY classid
UNION ALL
SELECT format('relation %s', relname), format(
    'kind %s, persistence %s, options %s, replica identity %s, owner %s',
    relkind, relpersistence, reloptions, relreplident, pg_get_userbyid(relowner)) FROM relation
UNION ALL
SELECT 'row security of ' || relname, format('enabled %s, forced %s', relrowsecurity, relforcerowsecurity)
FROM relation WHERE relkind IN ('r', 'p')
UNION ALL
SELECT format('column %s.%s', relname, attname), format(
    'place %s, %s, collation %s, not null %s, default %s, generated %s, identity %s, storage %s',
    attnum, format_type(atttypid, atttypmod), (SELECT collname FROM pg_collation WHERE oid = attcollation),
    attnotnull, pg_get_expr(adbin, adrelid), attgenerated, attidentity, attstorage)
FROM relation
JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p')
UNION ALL
SELECT format('constraint %s of %s', conname, conrelid::regclass),
    format('%s, validated %s, deferrable %s', pg_get_constraintdef(k.oid), convalidated, condeferrable)
FROM pg_constraint AS k JOIN ours ON connamespace = ours.oid
UNION ALL
SELECT 'index ' || indexrelid::regclass, format('%s, valid %s', pg_get_indexdef(indexrelid), indisvalid)
FROM pg_index JOIN relation ON indrelid = relation.oid
UNION ALL
SELECT format('policy %s on %s', policyname, tablename),
    format('%s %s to %s using %s check %s', permissive, cmd, roles, qual, with_check)
FROM pg_policies WHERE schemaname = 'recollect'
UNION ALL
SELECT 'function ' || proname, format('owner %s: %s', pg_get_userbyid(proowner), pg_get_functiondef(oid))
FROM routine
UNION ALL
SELECT 'trigger ' || tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger AS t JOIN relation ON tgrelid = relation.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'rule ' || rulename, pg_get_ruledef(r.oid)
FROM pg_rewrite AS r JOIN relation ON ev_class = relation.oid
UNION ALL
SELECT format('right of %s on %s', coalesce(pg_get_userbyid(nullif(grantee, 0)), 'PUBLIC'), what),
    format('%s, may pass it on: %s', privilege_type, is_grantable)
FROM acl, aclexplode(entries)
UNION ALL
SELECT 'default rights', format('%s %s %s', pg_get_userbyid(defaclrole), defaclobjtype, defaclacl)
FROM pg_default_acl JOIN ours ON defaclnamespace = ours.oid
UNION ALL
SELECT 'role ' || rolname, format(
    'superuser %s, bypasses %s, login %s, creates roles %s, databases %s, replicates %s',
    rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication)
FROM pg_roles WHERE rolname IN ('recollect_app', 'recollect_search')
UNION ALL
SELECT 'membership of ' || pg_get_userbyid(member), pg_get_userbyid(roleid)::text
FROM pg_auth_members WHERE pg_get_userbyid(member) IN ('recollect_app', 'recollect_search')
UNION ALL
SELECT 'comment', format('%s %s: %s', d.classoid::regclass, d.objoid::regclass, d.description)
FROM pg_description AS d JOIN relation ON d.objoid = relation.oid
"""


def facts(url: str, owner: str, given: str | None = None) -> set[str]:
    """The facts; the owner's name is replaced, so that databases of several owners compare.

    given:  a statement that is run before and rolled back afterwards.
    """

    async def look() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            await connection.execute("BEGIN; SET LOCAL search_path = pg_catalog;" + (given or ""))
            return await connection.fetch(_FACTS)
        finally:
            await connection.close()

    rows = asyncio.run(look())
    return {f"{row['what']}: {row['says']}".replace(owner, "<owner>") for row in rows}
