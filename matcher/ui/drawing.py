"""Small charts as SVG that take their colours from the style sheet, so that a strict policy and both looks hold."""

from collections.abc import Sequence

from markupsafe import Markup

_HIGH, _STEP, _GAP = 64, 14, 3


def bars(columns: Sequence[tuple[str, Sequence[int]]], title: str, kinds: Sequence[str] = ("bar-a",)) -> Markup:
    """Return columns side by side, each of parts one above the other.

    columns: what each is called where the pointer rests, and its parts. title: what the chart tells, for those who cannot see it.
    kinds: the class of each part.
    """
    top = max((sum(parts) for _, parts in columns), default=0) or 1
    drawn = Markup()
    for n, (name, parts) in enumerate(columns):
        left, low, inner = n * _STEP, float(_HIGH), Markup()
        for kind, value in zip(kinds, parts, strict=True):
            tall = max(value / top * (_HIGH - 4), 1.5 if value else 0.0)
            low -= tall
            if value:
                inner += Markup('<rect class="{}" x="{}" y="{:.1f}" width="{}" height="{:.1f}" rx="2"/>').format(
                    kind, left, low, _STEP - _GAP, tall
                )
        inner += Markup('<rect class="bar-zone" x="{}" y="0" width="{}" height="{}"/>').format(left, _STEP - _GAP, _HIGH)
        drawn += Markup("<g>{}<title>{}</title></g>").format(inner, name)
    wide = max(len(columns) * _STEP - _GAP, 1)
    return Markup('<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>').format(
        wide, _HIGH, title, drawn
    )
