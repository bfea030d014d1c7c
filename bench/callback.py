"""How fast a callback becomes a typed event: signature, decryption and parsing, against wechatpy."""

from __future__ import annotations

from wechatpy.work import parse_message
from wechatpy.work.crypto import WeChatCrypto

from bench.harness import Figure, compare, seconds_of
from privdom.wecom.callbacks import Crypto, CustomerAdded, parse_event


_TOKEN, _KEY, _CORP = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
_TIMESTAMP, _NONCE = "1409659813", "1372623149"
_ADDED = f"""<xml><ToUserName><![CDATA[{_CORP}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>
<CreateTime>1403610513</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>
<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[zhangsan]]></UserID>
<ExternalUserID><![CDATA[woAJ2GCAAAXtWyujaWJHDDGi0mACH71w]]></ExternalUserID><State><![CDATA[teststate]]></State>
<WelcomeCode><![CDATA[WELCOMECODE]]></WelcomeCode></xml>"""
_LIMIT = 2.2
_CALLS = 300


def figures() -> list[Figure]:
    """Measure callbacks a second on one core."""
    crypto = Crypto(_TOKEN, _KEY, _CORP)
    packet = crypto.encrypt(_ADDED, timestamp=_TIMESTAMP, nonce=_NONCE)
    signature = packet.partition("<MsgSignature><![CDATA[")[2].partition("]")[0]
    body = packet.encode()
    other = WeChatCrypto(_TOKEN, _KEY, _CORP)

    def ours() -> object:
        event = parse_event(crypto.decrypt(signature, _TIMESTAMP, _NONCE, body))
        assert isinstance(event, CustomerAdded)
        return event.create_time, event.user_id, event.external_user_id, event.state, event.welcome_code

    def reference() -> object:
        # Its events read their values only when asked for them, so both are asked.
        event = parse_message(other.decrypt_message(body, signature, _TIMESTAMP, _NONCE))
        return event.create_time, event.user_id, event.external_user_id, event.state, event.welcome_code

    assert ours() == reference()
    return [
        compare(
            "callbacks (wechatpy)",
            lambda: 1 / seconds_of(ours, _CALLS),
            lambda: 1 / seconds_of(reference, _CALLS),
            limit=_LIMIT,
            unit="a second",
            better="higher",
        )
    ]
