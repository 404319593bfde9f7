"""PostgreSQL (with pgvector) and Valkey from two wheels, for the demo, development and the tests.

    with Stack(Path("var")) as urls:
        psycopg.connect(urls.database)

Production brings its own servers (`DATABASE_URL`, `BROKER_URL`); nothing else in Vouch knows the difference.
Local sockets only, readable by one user, and no passwords: whoever may open the socket may be any role.
"""

from kyc.localstack.errors import StackError
from kyc.localstack.stack import Stack
from kyc.localstack.urls import Urls

__all__ = ["Stack", "StackError", "Urls"]
