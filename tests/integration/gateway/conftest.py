"""One gesso that all attacks are tried on: it must answer 500 to none of them, and log no traceback."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.leaks import Person, new_person
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service


@dataclass(frozen=True, slots=True, kw_only=True)
class Besieged:
    """The service, two users, and the cookie of a browser that Ada has signed in with."""

    service: RunningGesso
    ada: Person
    ben: Person
    nobody: Person
    cookie: str

    @property
    def port(self) -> int:
        return self.service.port

    @property
    def here(self) -> str:
        return f"127.0.0.1:{self.service.port}"

    def head(self, first: str, *lines: str, key: str | None = None) -> bytes:
        """A request's head as bytes, with Ada's key unless another (or "") is given."""
        key = self.ada.key if key is None else key
        proof = [f"Authorization: Bearer {key}"] if key else []
        return "\r\n".join([first, "Host: x", *proof, *lines, "", ""]).encode("latin-1")

    def whoami(self, headers: dict[str, str]) -> str:
        """The account that a request with these headers acts as, or the status that refuses it."""
        answer = self.nobody.ask("GET", "/gesso/api/whoami", None, headers)
        return str(answer.json()["account"]) if answer.status == 200 else str(answer.status)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    with running_service(tmp_path_factory.mktemp("besieged"), UNHURRIED + ENGINE) as service:
        admin = Person("admin", service.port, service.key)
        ada, ben = new_person(admin, "ada"), new_person(admin, "ben")
        nobody = Person("nobody", service.port)
        signed_in = nobody.ask("POST", "/gesso/login", urlencode({"key": ada.key}).encode(), FORM)
        assert signed_in.status == 303
        cookie = signed_in.header("set-cookie").split(";")[0]
        yield Besieged(service=service, ada=ada, ben=ben, nobody=nobody, cookie=cookie)
        for person in (admin, ada, ben, nobody):
            person.close()
        log = service.log()
        assert "Traceback" not in log
        assert not [line for line in log.splitlines() if '" 500 ' in line or " 500 " in line]
        assert ada.key not in log and ben.key not in log
