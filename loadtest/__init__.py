"""Headless peers that load a conference server through its own doors.

    offers       what peers offer, and what they read of the answer
    session      what native peers are told: the outcome of an offer and its answer
    participant  the signalling session of one who takes part
    driver       brings peers in by WHIP, WHEP and `/ws`, and out again
    network      an emulated link, and commands on its two sides; `within` brings them there
    cli          the command `loadtest`, which puts any program behind such a link
    _native      the peers and the link themselves, in Rust (`native/`)

Speaks the wire only and never imports the server.
"""
