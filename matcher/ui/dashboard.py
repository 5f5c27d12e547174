"""The dashboard: what waits, what came and was decided, how often it was a hit, and whether all is well."""

from matcher.dashboard import Day, by_day, share, signs
from matcher.queues import told
from matcher.tokens import Role
from matcher.ui.drawing import bars
from matcher.ui.pages import Answered, Menu, Pages
from matcher.ui.visit import Visit
from matcher.ui.words import N_

pages = Pages("dashboard", "/dashboard", menu=Menu(N_("Dashboard"), place=90, icon="M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z"))

_DAYS = 30
_WEEK = 7


@pages.get("", role=Role.SEARCH)
def show(visit: Visit) -> Answered:
    """Show the figures."""
    visit.caller.check_unlimited()
    services, matcher = visit.services, visit.services.matcher
    collection = matcher.collection
    days = by_day(collection, matcher.tally, _DAYS)
    week = days[-_WEEK:]
    stats, jobs = matcher.stats(), services.jobs.counts()
    searches, hits = sum(day.searches for day in week), sum(day.yes for day in week)
    messages, alerts = sum(day.messages for day in week), sum(day.alerts for day in week)
    return visit.render(
        "dashboard.html",
        stats=stats,
        jobs=jobs,
        proposals=len(collection.proposals.all()),
        pairs=_waiting(visit),
        signs=signs(collection.store.info(), jobs, stats["memory"]["more_pictures"]),
        programs=told(services.settings),
        week={
            "added": sum(day.added for day in week),
            "searches": searches,
            "hit": share(hits, searches),
            "doubt": share(sum(day.maybe for day in week), searches),
            "reviews": sum(day.reviews for day in week),
            "messages": messages,
            "alerts": share(1000 * alerts, messages),
        },
        charts=_charts(visit, days),
        today=days[-1],
    )


def _waiting(visit: Visit) -> int:
    """Return how many pairs wait for a review."""
    return visit.services.matcher.collection.doubts.count()


def _charts(visit: Visit, days: list[Day]) -> list[tuple[str, object]]:
    words = visit.words

    def named(day: Day, *told: str) -> str:
        return f"{day.day[:4]}-{day.day[4:6]}-{day.day[6:]}: {', '.join(told)}"

    added = [(named(day, words.number(day.added)), (day.added,)) for day in days]
    decided = [(named(day, f"YES {day.yes}", f"MAYBE {day.maybe}", f"NO {day.no}"), (day.yes, day.maybe, day.no)) for day in days]
    reviews = [(named(day, words.number(day.reviews)), (day.reviews,)) for day in days]
    alerts = [(named(day, f"{day.alerts} / {day.messages}"), (day.alerts, max(day.messages - day.alerts, 0))) for day in days]
    return [
        (words.gettext("Pictures added a day"), bars(added, words.gettext("Pictures added, by day"))),
        (words.gettext("Searches a day, by decision"), bars(decided, words.gettext("Searches, by day"), ("bar-yes", "bar-b", "bar-c"))),
        (words.gettext("Decisions of people a day"), bars(reviews, words.gettext("Reviews, by day"))),
        (words.gettext("AIL: messages a day, and alerts among them"), bars(alerts, words.gettext("Messages, by day"), ("bar-b", "bar-c"))),
    ]
