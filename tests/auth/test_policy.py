"""Roles: deny by default, deny wins, and the line that decided is named."""

import pytest

from dragoman.auth.policy import Access, Role

ROLES = {
    "support": Role(tools=("shop_*",), deny=("shop_execute",)),
    "writer": Role(tools=("shop_execute",), resources=("shop://*/open",), prompts=("greet?",)),
    "empty": Role(),
}


@pytest.mark.parametrize(
    ("held", "kind", "key", "allowed", "rule"),
    [
        (["support"], "tool", "shop_query", True, 'roles.support.tools[0] = "shop_*"'),
        (["support"], "tool", "shop_execute", False, 'roles.support.deny[0] = "shop_execute"'),
        (["support", "writer"], "tool", "shop_execute", False, 'roles.support.deny[0] = "shop_execute"'),
        (["writer"], "tool", "shop_execute", True, 'roles.writer.tools[0] = "shop_execute"'),
        (["writer"], "tool", "SHOP_EXECUTE", False, "no role of the caller allows it (roles: writer)"),
        (["writer"], "resource", "shop://a/open", True, 'roles.writer.resources[0] = "shop://*/open"'),
        (["writer"], "resource", "shop_execute", False, "no role of the caller allows it (roles: writer)"),
        (["writer"], "prompt", "greet1", True, 'roles.writer.prompts[0] = "greet?"'),
        (["writer"], "prompt", "greet", False, "no role of the caller allows it (roles: writer)"),
        (["empty"], "tool", "shop_query", False, "no role of the caller allows it (roles: empty)"),
        (["unknown"], "tool", "shop_query", False, "the caller has no role"),
        ([], "tool", "shop_query", False, "the caller has no role"),
    ],
)
def test_decisions(held: list[str], kind: str, key: str, allowed: bool, rule: str) -> None:
    decision = Access(ROLES, held).decide(kind, key)  # type: ignore[arg-type]
    assert (decision.allowed, decision.rule) == (allowed, rule)


def test_a_template_is_reached_by_itself_or_by_a_uri_of_it() -> None:
    def of_shop(uri: str) -> object:
        return {} if uri.startswith("shop://") and uri.count("/") == 3 else None

    assert Access({"r": Role(resources=("shop://{a}/{b}",))}, ["r"]).may_reach("shop://{a}/{b}", of_shop)
    assert Access({"r": Role(resources=("shop://*/open",))}, ["r"]).may_reach("shop://{a}/{b}", of_shop)
    assert not Access({"r": Role(resources=("other://*",))}, ["r"]).may_reach("shop://{a}/{b}", of_shop)
    assert not Access({"r": Role(resources=("shop://*",), deny=("shop://{a}/{b}",))}, ["r"]).may_reach(
        "shop://{a}/{b}", of_shop
    )


def test_nothing_but_the_name_matters_for_denial() -> None:
    access = Access(ROLES, ["support"])
    assert access.denies("shop_execute")
    assert not access.denies("shop_query")
