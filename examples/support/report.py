"""The report a manager would look at: one HTML file, its plots inside."""

# matplotlib's types are partial, which strict checking takes for unknown.
# pyright: basic
from __future__ import annotations

import io

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path

import attrs
import matplotlib as mpl

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator


__all__ = ["Chapter", "Story", "Table", "write_report"]

_INK, _SOFT, _LINE = "#1f2933", "#66788a", "#d9e2ec"
_BLUE, _GREEN, _AMBER, _RED, _GREY = "#2f6fde", "#2f9e6e", "#e0a030", "#cf4b4b", "#b8c4d0"

_STYLE = """
body{font:15px/1.55 -apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;color:#1f2933;
background:#f5f7fa;margin:0}
main{max-width:1080px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:27px;margin:0 0 4px}h2{font-size:18px;margin:0 0 4px}
p.lead{color:#52606d;margin:0 0 26px;font-size:16px}p.note{color:#66788a;margin:0 0 12px;font-size:14px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin-bottom:22px}
.tile{background:#fff;border:1px solid #e4e9ef;border-radius:10px;padding:14px 18px}
.tile b{display:block;font-size:25px;font-weight:650;font-variant-numeric:tabular-nums}.tile span{color:#66788a;font-size:13px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:18px}
section{background:#fff;border:1px solid #e4e9ef;border-radius:10px;padding:20px 22px}
svg{width:100%;height:auto;display:block}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;color:#66788a;font-weight:500;font-size:13px}td,th{padding:6px 10px 6px 0;border-bottom:1px solid #edf1f5}
td.n,th.n{text-align:right}
"""


@attrs.frozen
class Table:
    """Rows under a heading; numbers stand to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]

    def html(self) -> str:
        numeric = [all(isinstance(row[i], int) for row in self.rows) for i in range(len(self.head))]
        cells = ["".join(f"<th{_n(numeric[i])}>{escape(h)}</th>" for i, h in enumerate(self.head))]
        cells += ["".join(f"<td{_n(numeric[i])}>{_cell(c)}</td>" for i, c in enumerate(row)) for row in self.rows]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


@attrs.frozen
class Chapter:
    """One box of the page: what it shows, in words, and the thing itself."""

    title: str
    note: str
    body: Table | str


@attrs.frozen
class Story:
    """All that the report tells."""

    title: str
    lead: str
    tiles: tuple[tuple[str, str], ...]
    funnel: tuple[tuple[str, int], ...]
    tiers_before: Mapping[str, int]
    tiers_after: Mapping[str, int]
    sends: Mapping[date, Mapping[str, int]]
    points: Sequence[int]
    points_threshold: int
    chapters: tuple[Chapter, ...]


def write_report(story: Story, path: Path) -> None:
    """Write the page to *path*."""
    plots = (
        Chapter("Migration", "Where every customer of the plan is at the end.", _funnel(story.funnel)),
        Chapter(
            "Tiers (分层)",
            "Customers in each tier, on the purchases of the first nine months and on all of them.",
            _tiers(story.tiers_before, story.tiers_after),
        ),
        Chapter("Messages a day", "What staff confirmed and WeCom delivered, by day.", _sends(story.sends)),
        Chapter(
            "Points (积分)",
            f"Customers by balance; from {story.points_threshold} points on, a customer is a super user (超级用户).",
            _points(story.points, story.points_threshold),
        ),
    )
    tiles = "".join(f'<div class="tile"><b>{escape(n)}</b><span>{escape(what)}</span></div>' for n, what in story.tiles)
    boxes = "".join(_box(chapter) for chapter in plots + story.chapters)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(story.title)}</title>'
        f"<style>{_STYLE}</style><main><h1>{escape(story.title)}</h1>"
        f'<p class="lead">{escape(story.lead)}</p><div class="tiles">{tiles}</div><div class="grid">{boxes}</div></main>',
        encoding="utf-8",
    )


def _box(chapter: Chapter) -> str:
    body = chapter.body.html() if isinstance(chapter.body, Table) else chapter.body
    return f'<section><h2>{escape(chapter.title)}</h2><p class="note">{escape(chapter.note)}</p>{body}</section>'


def _n(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(value)


def _canvas(height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.tick_params(colors=_SOFT, length=0, labelsize=10)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    # Text stays text: sharp, selectable, in the reader's own font; and the same input gives the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "privdom"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _thousands(axes: Axes, which: str) -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_major_locator(MaxNLocator(5, integer=True))


def _funnel(steps: Sequence[tuple[str, int]]) -> str:
    figure, axes = _canvas(0.6 + 0.42 * len(steps))
    colours = {"refused": _RED, "full": _AMBER, "failed": _RED, "parked": _AMBER, "stay": _GREY, "moved": _GREEN}
    names, counts = [name for name, _ in steps], [count for _, count in steps]
    shades = [next((c for key, c in colours.items() if key in name), _BLUE) for name in names]
    bars = axes.barh(names, counts, color=shades, height=0.68)
    whole = max(counts, default=0) or 1
    axes.bar_label(bars, [f"{c:,}  ({c / whole:.0%})" for c in counts], padding=5, color=_INK, fontsize=10)
    axes.invert_yaxis()
    axes.set_xlim(0, whole * 1.22)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", colors=_INK)
    return _svg(figure)


def _tiers(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    figure, axes = _canvas()
    names = list(dict.fromkeys([*before, *after]))
    for shift, counts, colour, label in ((-0.2, before, _GREY, "before"), (0.2, after, _BLUE, "after")):
        heights = [counts.get(name, 0) for name in names]
        bars = axes.bar([i + shift for i in range(len(names))], heights, 0.38, color=colour, label=label)
        axes.bar_label(bars, [f"{h:,}" for h in heights], color=_SOFT, fontsize=9, padding=2)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", colors=_INK)
    axes.yaxis.set_visible(False)
    axes.legend(frameon=False, labelcolor=_SOFT)
    return _svg(figure)


def _sends(days: Mapping[date, Mapping[str, int]]) -> str:
    figure, axes = _canvas()
    order = sorted(days)
    labels = [f"{day:%b} {day.day}" for day in order]
    kinds = list(dict.fromkeys(kind for day in order for kind in days[day]))
    shades = dict(zip(kinds, (_BLUE, _GREEN, _AMBER, _GREY, _RED), strict=False))
    floor = [0] * len(order)
    for kind in kinds:
        heights = [days[day].get(kind, 0) for day in order]
        axes.bar(labels, heights, 0.66, bottom=floor, color=shades.get(kind, _GREY), label=kind)
        floor = [low + high for low, high in zip(floor, heights, strict=True)]
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    _thousands(axes, "y")
    axes.set_ylim(0, max(floor, default=1) * 1.22)
    axes.legend(frameon=False, labelcolor=_SOFT, ncols=len(kinds) or 1, loc="upper left")
    return _svg(figure)


def _points(balances: Sequence[int], threshold: int) -> str:
    figure, axes = _canvas()
    # The long tail of a few great buyers would squeeze everybody else to the left.
    cut = max(threshold * 2, 1)
    width = max(cut // 20, 1)
    shown = [min(balance, cut) for balance in balances]
    starts = range(0, cut + width, width)
    heights = [sum(low <= points < low + width for points in shown) for low in starts]
    colours = [_GREEN if low >= threshold else _BLUE for low in starts]
    axes.bar(starts, heights, width * 0.9, align="edge", color=colours)
    axes.axvline(threshold, color=_GREEN, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    _thousands(axes, "y")
    axes.set_xlabel(f"points (the last bar holds all from {cut} on)", color=_SOFT)
    axes.set_ylabel("customers", color=_SOFT)
    return _svg(figure)
