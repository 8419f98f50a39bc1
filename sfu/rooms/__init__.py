"""The model: rooms, participants, tracks, subscriptions. Pure: no asyncio, sockets or storage."""
