"""Lists of codecs as the packet path takes them, each made once.

The m-lines of an offer share two or three lists: made anew for each of a participant's 19 they took a third
of a join's time. Knows no SDP.
"""

from collections.abc import Sequence

from sfu import _packets
from sfu.media.specs import CodecSpec

# Of the offer that is being worked on: two kinds, sent and received.
KEPT = 8


class CodecLists:
    def __init__(self) -> None:
        # By identity: to hash a list costs as much as to make it. That it is held here keeps its id its own.
        self._made: dict[int, tuple[Sequence[CodecSpec], list[_packets.CodecParameters]]] = {}

    def of(self, specs: Sequence[CodecSpec]) -> list[_packets.CodecParameters]:
        """Not to be changed, nor may `specs` be."""
        known = self._made.get(id(specs))
        if known is None:
            known = (specs, [_made(spec) for spec in specs])
            self._made[id(specs)] = known
            if len(self._made) > KEPT:
                del self._made[next(iter(self._made))]
        return known[1]


def _made(spec: CodecSpec) -> _packets.CodecParameters:
    return _packets.CodecParameters(
        codec=spec.codec,
        payload_type=spec.payload_type,
        clock_rate=spec.clock_rate,
        rtx_payload_type=spec.rtx_payload_type,
        format=spec.format,
        nack=spec.nack,
        pli=spec.pli,
        fir=spec.fir,
        transport_cc=spec.transport_cc,
        ccfb=spec.ccfb,
        remb=spec.remb,
    )
