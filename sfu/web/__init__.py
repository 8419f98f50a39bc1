"""The door for people and for monitoring: pages, JSON API, metrics and health. Knows no SDP, no RTP."""
