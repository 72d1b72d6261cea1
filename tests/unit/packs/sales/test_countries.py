"""Countries have codes, and a domain is a company's only when it is nobody else's."""

import pytest

from cuga.packs.sales.countries import domain_of, iso_of, mail_domain_of
from cuga.packs.sales.industries import COUNTRIES


def test_every_country_that_is_known_has_a_code():
    assert {name for name in COUNTRIES if not iso_of(name)} == set()
    assert len({iso_of(name) for name in COUNTRIES}) >= len(COUNTRIES) - 3  # two names of one country


@pytest.mark.parametrize(
    ("text", "code"),
    [("Deutschland", "DE"), ("UK", "GB"), ("usa", "US"), ("de", "DE"), ("FR", "FR"), ("Atlantis", ""),
     ("Germny", ""), ("", "")],
)  # fmt: skip
def test_a_country_is_its_iso_code(text, code):
    assert iso_of(text) == code


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.Acme.example/about?x=1", "acme.example"),
        ("acme.co.uk", "acme.co.uk"),
        ("http://user:pw@acme.example:8080", ""),
        ("linkedin.com/company/acme", ""),
        ("de.linkedin.com/company/acme", ""),
        ("not a site", ""),
        ("", ""),
    ],
)
def test_a_domain_is_read_off_a_web_address(text, domain):
    assert domain_of(text) == domain


@pytest.mark.parametrize(("mail", "domain"), [("a@acme.example", "acme.example"), ("a@gmail.com", ""), ("acme", "")])
def test_free_mail_says_nothing_of_a_company(mail, domain):
    assert mail_domain_of(mail) == domain
