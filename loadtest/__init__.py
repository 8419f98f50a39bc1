"""Headless peers that load a conference server through its own doors.

    offers       what peers offer, and what they read of the answer
    session      what native peers are told: the outcome of an offer and its answer
    participant  the signalling session of one who takes part
    driver       brings peers in by WHIP, WHEP and `/ws`, and out again
    _native      the peers themselves, in Rust (`native/`)

Speaks the wire only and never imports the server.
"""
