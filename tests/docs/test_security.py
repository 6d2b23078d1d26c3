"""The page about security tells the limits, addresses, secrets and retention that the code has."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from syncd.config.erp_models import HttpErp
from syncd.config.secrets import secret_fields
from syncd.config.settings import TOKEN_CHARACTERS_MIN, PrivateSettings, WebhookSettings
from syncd.config.store_models import BigCommerceStore, WooCommerceStore
from syncd.config.tenant import Tenant
from syncd.control.server import CLIENTS_MAX
from syncd.inbox import bodies, sources
from syncd.inbox.inbox import BACKLOG_MAX
from syncd.reconcile.hooks_step import LOOK_SECONDS
from tests.docs.pages import PROJECT

PAGE = (PROJECT / "docs/security.md").read_text("utf-8")
FLAT = " ".join(PAGE.split())
LIMITS = {
    "wrong tries": f"After {sources.WRONG_MAX:.0f} wrong tries in a row",
    "forgiving": f"one try is forgiven every {sources.FORGIVE_SECONDS:.0f} s",
    "greetings": f"{'ten' if sources.GREETING == 0.1 else '?'} count as one wrong try",
    "a body": f"at most {bodies.BODY_BYTES_MAX // 2**20} MB and {bodies.BODY_SECONDS:.0f} s",
    "bodies": f"at most {bodies.BODIES_BYTES_MAX // 2**20} MB, those of one address {bodies.SOURCE_BYTES_MAX // 2**20} MB",
    "backlog": f"{BACKLOG_MAX:,} orders that wait",
    "clients": f"at most {CLIENTS_MAX} clients at once",
    "token": f"at least {TOKEN_CHARACTERS_MIN} characters",
    "days": f"`payload_days` ({Tenant.model_fields['payload_days'].default} by default)",
    "megabytes": f"`payload_mb_max` ({Tenant.model_fields['payload_mb_max'].default} MB by default)",
    "webhooks": f"`{WebhookSettings.model_fields['listen'].default}`",
    "private": f"`{PrivateSettings.model_fields['listen'].default}`",
}


@pytest.mark.parametrize("limit", LIMITS)
def test_every_number_is_the_codes(limit):
    assert LIMITS[limit] in FLAT


def test_a_new_key_brings_a_new_webhook_secret_as_soon_as_told():
    assert LOOK_SECONDS == 300.0
    assert "within five minutes of the reload" in FLAT


@pytest.mark.parametrize("model", [BigCommerceStore, WooCommerceStore, HttpErp, PrivateSettings])
def test_every_secret_is_told_with_what_it_opens(model: type[BaseModel]):
    rows = re.findall(r"^\| (.+?) \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    table = {HttpErp: "[erp]", PrivateSettings: "[private]"}.get(model, "")
    for name in secret_fields(model):
        assert any(f"`{name}`" in row and table in row for row in rows), name
