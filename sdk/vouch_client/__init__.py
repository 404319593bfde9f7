"""Talk to Vouch from Python.

from vouch_client import Vouch

vouch = Vouch("http://localhost:8000", key="vouch_sandbox_...")
person = vouch.applicants.create("customer-1", personal={"given_name": "Ada"})
vouch.consents.give(person["id"], version="2026-01")
selfie = vouch.media.upload(person["id"], "selfie", Path("selfie.jpg"))
portrait = vouch.media.upload(person["id"], "id_portrait", Path("portrait.jpg"))
case = vouch.verifications.create(person["id"], "document_selfie", selfie=selfie, id_portrait=portrait, wait=30)
print(case["state"])
"""

from vouch_client.client import Vouch
from vouch_client.errors import VouchError, VouchUnreachable
from vouch_client.webhooks import InvalidSignature, verify

__all__ = ["InvalidSignature", "Vouch", "VouchError", "VouchUnreachable", "verify"]
