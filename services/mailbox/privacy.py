"""What is forgotten of a person, and when everything is. Pure; the mailbox has passed `rules.enter`."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from services.mailbox.rows import Mailbox

# The longest that a name is kept anywhere by its age alone: the stream of dead letters. Facts end after 90 days (logs
# with the week that they stand in), requests after 30, inboxes after 100.
GONE_AFTER = timedelta(days=180)


def erase(mailbox: Mailbox) -> Mailbox:
    """Forget whose the mailbox was. Address, plan and dates stay: they are what was charged for."""
    return replace(mailbox, first_name="", last_name="", blocked_senders=())


def complete_on(now: datetime) -> date:
    """Return the day from which nothing is left but what has to be kept."""
    return (now + GONE_AFTER + timedelta(days=1)).date()
