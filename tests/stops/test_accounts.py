"""Whose limit it was: a digest, never the name."""

from datetime import UTC, datetime

import pytest

from palingenesis.core.stops.accounts import account_of
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence

AT = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("header", ["anthropic-organization-id", "openai-organization"])
def test_an_account_is_a_short_digest_of_its_name(header):
    one, other = account_of({header: "org-anna"}), account_of({header: "org-bert"})

    assert one != other
    assert len(one) == len(other) == 8
    assert "anna" not in one


@pytest.mark.parametrize("headers", [{}, {"anthropic-organization-id": ""}, {"x-org": "anna"}])
def test_an_answer_that_names_no_account_tells_none(headers):
    assert account_of(headers) == ""


def test_a_name_that_is_no_text_breaks_nothing():
    assert len(account_of({"openai-organization": "\ud800"})) == 8


def test_the_evidence_of_a_refusal_tells_accounts_apart():
    def refused(organization: str) -> object:
        headers = {"anthropic-organization-id": organization, "retry-after": "60"}
        evidence = Evidence(at=AT, status=429, message="rate limit", response_headers=headers)
        return classify(evidence).evidence.get("account")

    assert refused("anna") != refused("bert")
    assert refused("anna") == refused("anna")
