"""Ways in which live codes could be stuck, each closed."""

from __future__ import annotations

from privdom.livecodes import ChannelCode
from privdom.sandbox import Fault
from privdom.wecom.codes import ContactWayUpdate
from tests.livecodes.conftest import Play
from tests.livecodes.corp import Corp


def test_a_code_that_a_person_found(play: Play) -> None:
    """A code that the look-up could not know, and a person names, goes live with its QR code; all codes go on."""

    async def scenario(corp: Corp) -> None:
        corp.sandbox.faults.add(Fault("lost_response", "add_contact_way"))
        await corp.codes.create(ChannelCode("metro", "地铁海报", staff=["ann"]))
        await corp.outbox.drain()
        (config_id,) = [config_id async for config_id in corp.wecom.codes.each()]
        await corp.wecom.codes.update(ContactWayUpdate(config_id, remark="changed in the console"))
        for _ in range(4):
            corp.advance(minutes=10)
            await corp.outbox.drain()
        (parked,) = await corp.outbox.parked.list()
        await corp.outbox.parked.confirm(parked.id, config_id, by="eve")
        await corp.codes.refresh()

        status = await corp.codes.get("metro")
        assert config_id == status.config_id
        assert (await corp.wecom.codes.get(config_id)).qr_code == status.qr_code

    play(scenario)
