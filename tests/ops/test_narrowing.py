"""What roles see less of, from `dragoman.toml` to a database's tables."""

from pathlib import Path

import pytest

from dragoman import Client, UsageError
from dragoman.auth.gate import Views
from dragoman.auth.principal import Principal
from dragoman.cli.assembly import assemble
from dragoman.cli.targets import read_targets
from dragoman.ops.narrowing import narrow
from dragoman.ops.settings import Settings
from dragoman.server.server import Server
from tests.ops.shop import write_shop

FILE = """\
[connectors.shop]
type = "sql"
url = "shop.db"

[connectors.notes]
type = "files"
path = "notes"

[roles.support]
tools = ["shop_*"]
[roles.support.connectors.shop]
deny = ["staff"]
max_rows = 1
[roles.support.connectors.shop.tables.customer]
mask = {{ email = "null" }}
rows = "region = :principal.region"
{more}"""


def served(folder: Path, more: str = "") -> tuple[Server, Settings]:
    write_shop(folder / "shop.db")
    (folder / "notes").mkdir(exist_ok=True)
    file = folder / "dragoman.toml"
    file.write_text(FILE.format(more=more))
    found = assemble(read_targets([str(file)]))
    assert found.config is not None
    return found.server, found.config.settings


async def answers(server: Server, principal: Principal, sql: str) -> str:
    connector = server.connectors["shop"]
    try:
        result = await connector.query(sql, principal=principal)  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001 (a refusal is an answer)
        return str(error)
    return str(result.rows)


async def test_a_role_sees_less_and_others_see_what_they_did(tmp_path: Path) -> None:
    server, _ = served(tmp_path)
    ann = Principal("ann", roles=("support",), claims=(("region", "north"),))
    async with Client(server):
        assert await answers(server, ann, "SELECT name, email FROM customer") == "[['Ada', None]]"
        assert "no such table" in await answers(server, ann, "SELECT * FROM staff")
        assert "ada@example.com" in await answers(server, Principal("bob"), "SELECT name, email FROM customer")
        assert "Boss" in await answers(server, Principal("bob", roles=("other",)), "SELECT * FROM staff")


async def test_several_roles_narrow_together(tmp_path: Path) -> None:
    more = '[roles.late.connectors.shop]\ndeny = ["orders"]\n'
    server, _ = served(tmp_path, more + '[roles.late.connectors.shop.tables.customer]\nrows = "id > 1"')
    both = Principal("ann", roles=("late", "support"), claims=(("region", "north"),))
    async with Client(server):
        assert "Cyd" in await answers(server, both, "SELECT name FROM customer")
        assert "Ada" not in await answers(server, both, "SELECT name FROM customer")
        for table in ("orders", "staff"):
            assert "no such table" in await answers(server, both, f"SELECT * FROM {table}")


async def test_a_change_holds_at_once_and_a_mistake_changes_nothing(tmp_path: Path) -> None:
    server, _ = served(tmp_path)
    ann = Principal("ann", roles=("support",), claims=(("region", "north"),))
    async with Client(server):
        narrow(server, Settings())
        assert "ada@example.com" in await answers(server, ann, "SELECT email FROM customer")
        _, settings = served(tmp_path)
        narrow(server, settings)
        assert await answers(server, ann, "SELECT email FROM customer") == "[[None]]"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[roles.a.connectors.shopp]", r"toml:\d+: roles\.a\.connectors\.shopp: there is no such connector.*'shop'"),
        ("[roles.a.connectors.shop]\ndenny = []", r"roles\.a\.connectors\.shop\.denny: .*'deny'"),
        ("[roles.a.connectors.shop.tables.x]\nrows = '1 ='", r"roles\.a\.tables\.x\.rows"),
        ("[roles.a.connectors.notes]\ndeny = ['x']", r"roles\.a\.connectors\.notes.*|.*every role the same"),
    ],
)
def test_what_cannot_be_kept_is_an_error_with_its_place(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        served(tmp_path, more)


async def test_every_listing_is_the_callers(tmp_path: Path) -> None:
    server, settings = served(tmp_path)
    views = Views(server, settings.roles)
    assert sorted(views.of(Principal("ann", roles=("support",))).tools.named) == [
        "shop_describe",
        "shop_explain",
        "shop_query",
    ]


async def test_a_cursor_of_before_a_role_was_narrowed_is_refused(tmp_path: Path) -> None:
    server, settings = served(tmp_path)
    ann = Principal("ann", roles=("support",), claims=(("region", "north"),))
    sql = server.connectors["shop"]
    async with Client(server):
        narrow(server, Settings())
        page = await sql.page("SELECT name FROM customer ORDER BY id", {}, ann, rows=1)  # type: ignore[attr-defined]
        assert page.next is not None
        narrow(server, settings)
        with pytest.raises(Exception, match="what you may see of them, changed since"):
            await sql.page("SELECT name FROM customer ORDER BY id", {}, ann, rows=1, cursor=page.next)  # type: ignore[attr-defined]
