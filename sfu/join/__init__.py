"""The one way in: an offer comes, a participant stands in a room, an answer goes back."""
