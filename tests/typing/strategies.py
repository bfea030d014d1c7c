"""User code of strategies, their tags, product albums and intercept rules, for mypy and pyright; it is read, not run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import assert_type

from privdom.wecom import (
    AsyncWeCom,
    CreatedInterceptRule,
    CreatedProduct,
    CreatedStrategy,
    CustomerPrivilege,
    CustomerStrategy,
    InterceptRange,
    InterceptRule,
    InterceptRuleSummary,
    InterceptType,
    MomentPrivilege,
    MomentStrategy,
    NewCustomerStrategy,
    NewInterceptRule,
    NewMomentStrategy,
    NewProduct,
    Product,
    ProductPage,
    RangeNode,
    RangePage,
    Semantics,
    StrategyPage,
    StrategyTagGroup,
    WeCom,
)


def blocking(wecom: WeCom) -> None:
    nodes = [RangeNode.staff("a"), RangeNode.department(2)]
    rights = CustomerPrivilege(share_customer=False)
    new = NewCustomerStrategy(strategy_name="s", admin_list=["a"], range=nodes, privilege=rights)
    assert_type(wecom.strategies.create(new), CreatedStrategy)
    assert_type(wecom.strategies.list(limit=3), StrategyPage)
    assert_type(wecom.strategies.each(), Iterator[int])
    assert_type(wecom.strategies.get(1), CustomerStrategy)
    assert_type(wecom.strategies.get(1).privilege.share_customer, bool | None)
    assert_type(wecom.strategies.range(1, cursor="c"), RangePage)
    assert_type(wecom.strategies.each_in_range(1), Iterator[RangeNode])
    wecom.strategies.edit(1, strategy_name="t", admin_list=["b"], range_add=nodes, range_del=(nodes[0],))
    wecom.strategies.delete(1)
    moments = NewMomentStrategy(strategy_name="s", admin_list=("a",), range=nodes, parent_id=1)
    assert_type(wecom.moment_strategies.create(moments), CreatedStrategy)
    assert_type(wecom.moment_strategies.get(1), MomentStrategy)
    wecom.moment_strategies.edit(1, privilege=MomentPrivilege(send_moment=True))
    assert_type(wecom.strategy_tags.add(1, ["x"], group_name="g"), StrategyTagGroup)
    assert_type(wecom.strategy_tags.list(1, tag_ids=["st1"]), tuple[StrategyTagGroup, ...])
    assert_type(wecom.products.add(NewProduct(description="d", price=1, attachments=["m"])), CreatedProduct)
    assert_type(wecom.products.list(), ProductPage)
    assert_type(wecom.products.each(), Iterator[Product])
    wecom.products.update("p", attachments=["m"])
    rule = NewInterceptRule(
        rule_name="r",
        word_list=["w"],
        semantics_list=[1, Semantics.EMAIL],
        intercept_type=2,
        applicable_range=InterceptRange(["a"], [2]),
    )
    assert_type(rule.intercept_type, InterceptType)
    assert_type(wecom.intercept_rules.add(rule), CreatedInterceptRule)
    assert_type(wecom.intercept_rules.list(), tuple[InterceptRuleSummary, ...])
    assert_type(wecom.intercept_rules.get("r"), InterceptRule)
    wecom.intercept_rules.update("r", semantics_list=[], intercept_type=1)


async def awaited(wecom: AsyncWeCom) -> None:
    assert_type(await wecom.strategies.get(1), CustomerStrategy)
    assert_type(wecom.strategies.range_pages(1), AsyncGenerator[RangePage, None])
    async for product in wecom.products.each():
        assert_type(product.price, int)


def mistakes(wecom: WeCom) -> None:
    wecom.strategies.get("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NewProduct(description="d")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
