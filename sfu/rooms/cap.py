"""What each subscriber of a room is sent of pictures at most: a moderator decides. Tells media alone."""

from collections.abc import Iterable

from sfu.rooms.ports import Media, TransportId


class VideoCap:
    def __init__(self, media: Media) -> None:
        self._media = media
        self._kbps: int | None = None

    @property
    def kbps(self) -> int | None:
        """None: no cap. 0: voices alone."""
        return self._kbps

    def set(self, kbps: int | None, subscribers: Iterable[TransportId]) -> bool:
        """Whether that is another than before."""
        if kbps == self._kbps:
            return False
        self._kbps = kbps
        for subscriber in subscribers:
            self._tell(subscriber)
        return True

    def hold_for(self, newcomer: TransportId) -> None:
        if self._kbps is not None:
            self._tell(newcomer)

    def _tell(self, subscriber: TransportId) -> None:
        self._media.cap_video(subscriber, None if self._kbps is None else self._kbps * 1000)
