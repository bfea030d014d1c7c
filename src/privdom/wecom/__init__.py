"""Typed clients of WeCom's customer-contact API."""
