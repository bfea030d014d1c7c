"""Run customers on WeCom (企业微信): typed clients, domain modules and a sandbox."""

from __future__ import annotations

__version__ = "0.1.0"
