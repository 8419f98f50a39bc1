"""The media plane: transports, DTLS, sources and slots. The only importer of `sfu._packets`."""
