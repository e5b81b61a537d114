"""The face that operators see: what is set up, what was handed in, and what needs somebody now, as pages.

It stands above the API and calls its functions, with an asker that a person makes: rules, audit entries and ETags are
written once, whoever asks.
"""

from __future__ import annotations
