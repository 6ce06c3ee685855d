"""Print made-up personal data as JSON lines; started by pii_labels.py with the interpreter of an environment that holds Faker.

python _faker_pii.py SEED COUNT LOCALE...
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable

from faker import Faker


def routed(draw: Callable[[], str]) -> str:
    """The next address that is routed in the open internet (IPv6: 2000::/3), which Faker's IPv6 mostly are not."""
    while True:
        address = ipaddress.ip_address(draw())
        if address.is_global and (address.version == 4 or address in ipaddress.ip_network("2000::/3")):
            return str(address)


def main(seed: int, count: int, locales: list[str]) -> None:
    for number, locale in enumerate(locales):
        fake = Faker(locale)
        fake.seed_instance(seed * 1000 + number)
        emails: tuple[Callable[[], str], ...] = (
            lambda fake=fake: fake.email(safe=False),
            fake.free_email,
            fake.company_email,
            fake.ascii_free_email,
        )
        for i in range(count):
            values = [("email", emails[i % len(emails)]()), ("phone", fake.phone_number())]
            if i % 2 == 0:
                values += [("ip", routed(fake.ipv4_public if i % 4 else fake.ipv6)), ("card", fake.credit_card_number())]
                values.append(("iban", fake.iban()))
            for kind, value in values:
                print(json.dumps({"locale": locale, "kind": kind, "value": value}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
