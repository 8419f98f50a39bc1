"""The door for the browser's session: messages over a WebSocket, see PROTOCOL.md. Knows no storage."""
